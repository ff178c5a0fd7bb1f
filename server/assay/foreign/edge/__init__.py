"""The edge API of modzy-sdk, as packages `jobs.v1`, `results.v1` and `inferences.api.v1` on the wire."""
