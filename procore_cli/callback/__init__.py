"""How the authorization code comes back to this machine; knows nothing of tokens or stores."""
