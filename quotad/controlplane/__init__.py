"""The admin port, on aiohttp. The data plane never imports it; they meet in what ``app`` hands to both."""
