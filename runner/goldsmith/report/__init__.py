"""The record of builds as pages to read: self-contained HTML that fetches nothing."""
