async function safeTriggerSync(orgId) {
  try {
    const response = await fetch(`/api/v1/cliniko/sync/${orgId}`, {
      method: 'POST',
      headers: {
        'Authorization': `Bearer ${token}`,
        'Content-Type': 'application/json'
      }
    });

    if (!response.ok) {
      throw new Error(`HTTP ${response.status}: ${response.statusText}`);
    }

    const result = await response.json();
    
    if (!result.success) {
      throw new Error(result.message || 'Sync failed');
    }

    return result;
  } catch (error) {
    console.error('Sync failed:', error.message);
    
    // Handle specific error types
    if (error.message.includes('Rate limit')) {
      // Wait and retry
      await new Promise(resolve => setTimeout(resolve, 60000));
      return safeTriggerSync(orgId);
    }
    
    throw error;
  }
}
