autocmd BufNewFile,BufRead keepalived.conf,*/keepalived/*.conf,*/keepalived/**/*.conf setfiletype keepalived
