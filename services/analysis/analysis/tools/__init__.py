"""The MCP server: analysis' use cases as tools of an assistant, over the streamable HTTP transport at `/mcp`.

Not for logic of its own: each tool reads its arguments, calls the handler that pages and API call, and says what came of it.
"""

from analysis.tools.routes import ToolRoutes

__all__ = ["ToolRoutes"]
