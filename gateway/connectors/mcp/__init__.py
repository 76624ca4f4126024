"""Tools of upstream MCP servers, over streamable HTTP."""
