// Check sync health
async function checkSyncHealth(orgId) {
  const history = await fetch(`/api/v1/sync/history/${orgId}?limit=5`);
  const data = await history.json();
  
  const recentFailures = data.recent_syncs.filter(sync => 
    sync.status === 'failed' && 
    new Date(sync.started_at) > new Date(Date.now() - 24 * 60 * 60 * 1000)
  ).length;
  
  if (recentFailures > 2) {
    console.warn(`High failure rate: ${recentFailures} failures in last 24h`);
    // Send alert
  }
  
  const avgDuration = data.average_sync_duration_seconds;
  if (avgDuration > 600) { // 10 minutes
    console.warn(`Slow sync performance: ${avgDuration}s average`);
    // Send alert
  }
}
