# Check sync status
curl -X GET "https://sync.clinic.example/api/v1/sync/scheduler/status" \
  -H "Authorization: Bearer $TOKEN" \
  -H "X-Organization-ID: $ORG_ID"

# Get recent sync history
curl -X GET "https://sync.clinic.example/api/v1/sync/history/$ORG_ID?limit=5" \
  -H "Authorization: Bearer $TOKEN"

# Clean up stale syncs
curl -X POST "https://sync.clinic.example/api/v1/sync/cleanup" \
  -H "Authorization: Bearer $TOKEN"

# Test Cliniko connection
curl -X GET "https://sync.clinic.example/api/v1/cliniko/test-connection/$ORG_ID" \
  -H "Authorization: Bearer $TOKEN"
