async function monitorSync(syncId) {
  let status = 'starting';
  
  while (status === 'starting' || status === 'running') {
    const response = await fetch(`/api/v1/sync/progress/${syncId}`, {
      headers: { 'Authorization': `Bearer ${token}` }
    });
    
    const progress = await response.json();
    status = progress.status;
    
    console.log(`Progress: ${progress.progress_percentage}% - ${progress.current_step}`);
    
    if (status === 'running') {
      await new Promise(resolve => setTimeout(resolve, 2000)); // Wait 2 seconds
    }
  }
  
  console.log(`Sync ${status}`);
}
