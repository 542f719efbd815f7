"""The assets: thin, they name, describe and connect what other folders do."""
