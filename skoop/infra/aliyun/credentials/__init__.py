"""Where the key to Aliyun comes from."""
