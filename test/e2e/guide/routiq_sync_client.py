import requests
import time
from typing import Dict, Any

class RoutiqSyncClient:
    def __init__(self, token: str, org_id: str):
        self.token = token
        self.org_id = org_id
        self.base_url = "https://sync.clinic.example"
        
    def _headers(self) -> Dict[str, str]:
        return {
            "Authorization": f"Bearer {self.token}",
            "X-Organization-ID": self.org_id,
            "Content-Type": "application/json"
        }
    
    def trigger_sync(self) -> Dict[str, Any]:
        response = requests.post(
            f"{self.base_url}/api/v1/cliniko/sync/{self.org_id}",
            headers=self._headers()
        )
        response.raise_for_status()
        return response.json()
    
    def get_sync_status(self) -> Dict[str, Any]:
        response = requests.get(
            f"{self.base_url}/api/v1/sync/scheduler/status",
            headers=self._headers()
        )
        response.raise_for_status()
        return response.json()
    
    def wait_for_sync_completion(self, sync_id: str, timeout: int = 600) -> Dict[str, Any]:
        start_time = time.time()
        
        while time.time() - start_time < timeout:
            response = requests.get(
                f"{self.base_url}/api/v1/sync/progress/{sync_id}",
                headers=self._headers()
            )
            
            if response.status_code == 200:
                data = response.json()
                
                if data['status'] in ['completed', 'failed']:
                    return data
                    
                print(f"Progress: {data['progress_percentage']}%")
            
            time.sleep(5)
        
        raise TimeoutError("Sync did not complete within timeout")

# Usage
client = RoutiqSyncClient("your-token", "org_123")
result = client.trigger_sync()
print(f"Sync started: {result['message']}")
