//! Holds the integration tests of the workspace, nothing else.
