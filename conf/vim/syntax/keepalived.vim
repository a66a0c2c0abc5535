" Vim syntax file
" Language: keepalived configuration
" Made of the keyword table of keepalived-rs (UPDATE_DOCS=1 cargo test -p control-plane --test
" generated); do not edit.

if exists('b:current_syntax')
  finish
endif

syntax case match
setlocal iskeyword=@,48-57,_,-

syntax match keepalivedNumber /\<[-+]\?\d\+\(\.\d\+\)\?\>/
syntax match keepalivedAddress /\<\d\{1,3}\(\.\d\{1,3}\)\{3}\(-\d\{1,3}\)\?\(\/\d\{1,2}\)\?\>/
syntax match keepalivedAddress /\<\x\{0,4}:\x\{0,4}:[0-9A-Fa-f:.]*\(\/\d\{1,3}\)\?/
syntax match keepalivedBrace /[{}]/

syntax keyword keepalivedValue AH BACKUP MASTER PASS VS
syntax keyword keepalivedValue allow_if_changes enforce false inet inet6
syntax keyword keepalivedValue initial monotonic never no noreverse
syntax keyword keepalivedValue off on partial permissive receive-only
syntax keyword keepalivedValue reverse time true yes


syntax keyword keepalivedOption -nodad TYPE add advmss append
syntax keyword keepalivedOption as autojoin blackhole brd broadcast
syntax keyword keepalivedOption congctl cwnd dev dport dsfield
syntax keyword keepalivedOption encap expires fastopen_no_cookie features from
syntax keyword keepalivedOption fwmark goto gw home hoplimit
syntax keyword keepalivedOption iif inet inet6 initcwnd initrwnd
syntax keyword keepalivedOption ipproto l3mdev label lookup metric
syntax keyword keepalivedOption mngtmpaddr mtu nexthop no_track nop
syntax keyword keepalivedOption noprefixroute not oif onlink or
syntax keyword keepalivedOption order peer pref preference preferred_lft
syntax keyword keepalivedOption prepend priority prohibit protocol quickack
syntax keyword keepalivedOption realms reordering rto_min rtt rttvar
syntax keyword keepalivedOption scope sport src ssthresh sup_group
syntax keyword keepalivedOption sup_pl suppress_ifgroup suppress_prefixlength table to
syntax keyword keepalivedOption tos track_group ttl-propagate tunnel-id type
syntax keyword keepalivedOption uidrange unreachable use_vmac via vrf
syntax keyword keepalivedOption window


syntax keyword keepalivedKeyword accept active_key advert_int alpha anti_replay
syntax keyword keepalivedKeyword auth_pass auth_type bfd_cpu_affinity bfd_no_swap bfd_priority
syntax keyword keepalivedKeyword bfd_process_name bfd_rlimit_rtime bfd_rlimit_rttime bfd_rt_priority bind_if
syntax keyword keepalivedKeyword bind_port bindto ca certificate check_unicast_src
syntax keyword keepalivedKeyword checker checker_cpu_affinity checker_log_all_failures checker_no_swap checker_priority
syntax keyword keepalivedKeyword checker_process_name checker_rlimit_rtime checker_rlimit_rttime checker_rt_priority child_wait_time
syntax keyword keepalivedKeyword config_save_dir connect_ip connect_port connect_timeout data_use_instance
syntax keyword keepalivedKeyword dbus_no_interface_name dbus_service_name debug default_interface delay
syntax keyword keepalivedKeyword delay_before_retry delay_loop digest disable_local_igmp dont_track_primary
syntax keyword keepalivedKeyword down_timer_adverts dynamic_interfaces enable_dbus enable_script_security enable_sni
syntax keyword keepalivedKeyword enable_snmp_checker enable_snmp_keepalived enable_snmp_rfc enable_snmp_rfcv2 enable_snmp_rfcv3
syntax keyword keepalivedKeyword enable_snmp_vrrp enable_traps fall fast_recovery fifo_write_vrrp_states_on_reload
syntax keyword keepalivedKeyword file flag-1 flag-2 flag-3 fork_delay
syntax keyword keepalivedKeyword full_command fwmark garp_extra_if garp_interval garp_lower_prio_delay
syntax keyword keepalivedKeyword garp_lower_prio_repeat garp_master_delay garp_master_refresh garp_master_refresh_repeat garp_master_repeat
syntax keyword keepalivedKeyword global_tracking gna_interval ha_suspend hashed helo_name
syntax keyword keepalivedKeyword higher_prio_send_advert hoplimit http_protocol hysteresis idle_tx
syntax keyword keepalivedKeyword include_check inhibit_on_failure init_fail init_file instance
syntax keyword keepalivedKeyword interface interval ip_family iproute_etc_dir iproute_usr_dir
syntax keyword keepalivedKeyword json_dump_file json_version kernel_rx_buf_size key lb_algo
syntax keyword keepalivedKeyword lb_kind linkbeat_use_polling log_all_failures log_unknown_vrids lower_prio_no_advert
syntax keyword keepalivedKeyword lthreshold lvs_flush lvs_flush_on_stop lvs_flush_onstop lvs_method
syntax keyword keepalivedKeyword lvs_netlink_cmd_rcv_bufs lvs_netlink_cmd_rcv_bufs_force lvs_netlink_monitor_rcv_bufs lvs_netlink_monitor_rcv_bufs_force lvs_notify_fifo
syntax keyword keepalivedKeyword lvs_notify_fifo_script lvs_process_name lvs_sched lvs_sync_daemon lvs_sync_daemon_interface
syntax keyword keepalivedKeyword lvs_timeouts max_auto_priority max_hops max_reply_length mcast_dst_ip
syntax keyword keepalivedKeyword mcast_src_ip mh-fallback mh-port min_auto_priority_delay min_reply_length
syntax keyword keepalivedKeyword min_rx min_tx misc_dynamic misc_path misc_timeout
syntax keyword keepalivedKeyword mode multihop multiplier name namespace_with_ipsets
syntax keyword keepalivedKeyword native_ipv6 nb_get_retry neighbor_ip neighbour_ip net_namespace
syntax keyword keepalivedKeyword net_namespace_ipvs nftables nftables_counters nftables_ifindex nftables_ipvs
syntax keyword keepalivedKeyword nftables_ipvs_priority nftables_ipvs_start_fwmark nftables_priority no_accept no_checker_emails
syntax keyword keepalivedKeyword no_email_faults no_virtual_ipaddress nopreempt notification_email_from notify
syntax keyword keepalivedKeyword notify_backup notify_deleted notify_down notify_fault notify_fifo
syntax keyword keepalivedKeyword notify_fifo_script notify_master notify_master_rx_lower_pri notify_priority_changes notify_stop
syntax keyword keepalivedKeyword notify_up old_unicast_checksum omega ops owner_ignore_adverts
syntax keyword keepalivedKeyword param_match passive password path payload
syntax keyword keepalivedKeyword persistence_engine persistence_granularity persistence_timeout preempt preempt_delay
syntax keyword keepalivedKeyword priority process process_monitor_rcv_bufs process_monitor_rcv_bufs_force process_name
syntax keyword keepalivedKeyword process_names promote_secondaries protocol quorum quorum_down
syntax keyword keepalivedKeyword quorum_max quorum_up random_seed regex regex_max_offset
syntax keyword keepalivedKeyword regex_min_offset regex_no_match regex_options regex_stack reload_check_config
syntax keyword keepalivedKeyword reload_file reload_repeat reload_time_file require_reply retry
syntax keyword keepalivedKeyword rise router_id rs_init_notifies script script_user
syntax keyword keepalivedKeyword set_supplementary_groups sh-fallback sh-port shutdown_script shutdown_script_timeout
syntax keyword keepalivedKeyword skip_check_adv_addr smtp_alert smtp_alert_checker smtp_alert_vrrp smtp_connect_timeout
syntax keyword keepalivedKeyword smtp_helo_name smtp_server sni_name snmp_name snmp_rs_stats_update_interval
syntax keyword keepalivedKeyword snmp_socket snmp_vs_stats_update_interval sorry_server sorry_server_inhibit sorry_server_lvs_method
syntax keyword keepalivedKeyword source_ip startup_script startup_script_timeout state state_dump_file
syntax keyword keepalivedKeyword stats_dump_file status_code strict_mode sync_group_tracking_weight terminate_delay
syntax keyword keepalivedKeyword thread_timer_expired time_window timeout timer_expired_backup tls_compliant
syntax keyword keepalivedKeyword tmp_config_directory track_file track_src_ip ttl type
syntax keyword keepalivedKeyword umask unicast_fault_no_peer unicast_src_ip unicast_ttl use_ipvlan
syntax keyword keepalivedKeyword use_pid_dir use_symlink_paths use_vmac use_vmac_addr user
syntax keyword keepalivedKeyword uthreshold v3_checksum_as_v2 version virtual_router_id virtualhost
syntax keyword keepalivedKeyword vmac_addr_prefix vmac_garp_intvl vmac_prefix vmac_xmit_base vrf
syntax keyword keepalivedKeyword vrrp vrrp_check_unicast_src vrrp_cpu_affinity vrrp_delay_after_boot vrrp_down_timer_adverts
syntax keyword keepalivedKeyword vrrp_garp_extra_if vrrp_garp_interval vrrp_garp_lower_prio_delay vrrp_garp_lower_prio_repeat vrrp_garp_master_delay
syntax keyword keepalivedKeyword vrrp_garp_master_refresh vrrp_garp_master_refresh_repeat vrrp_garp_master_repeat vrrp_gna_interval vrrp_higher_prio_send_advert
syntax keyword keepalivedKeyword vrrp_ipsets vrrp_iptables vrrp_lower_prio_no_advert vrrp_mcast_group4 vrrp_mcast_group6
syntax keyword keepalivedKeyword vrrp_min_garp vrrp_netlink_cmd_rcv_bufs vrrp_netlink_cmd_rcv_bufs_force vrrp_netlink_monitor_rcv_bufs vrrp_netlink_monitor_rcv_bufs_force
syntax keyword keepalivedKeyword vrrp_no_swap vrrp_notify_fifo vrrp_notify_fifo_script vrrp_notify_priority_changes vrrp_owner_ignore_adverts
syntax keyword keepalivedKeyword vrrp_priority vrrp_process_name vrrp_rlimit_rtime vrrp_rlimit_rttime vrrp_rt_priority
syntax keyword keepalivedKeyword vrrp_rx_bufs_multiplier vrrp_rx_bufs_policy vrrp_skip_check_adv_addr vrrp_startup_delay vrrp_strict
syntax keyword keepalivedKeyword vrrp_version vrrp_vmac_garp_intvl warmup weight


syntax keyword keepalivedBlock BFD_CHECK DNS_CHECK FILE_CHECK HTTP_GET MISC_CHECK
syntax keyword keepalivedBlock PING_CHECK SMTP_CHECK SSL SSL_GET TCP_CHECK
syntax keyword keepalivedBlock UDP_CHECK auth_hmac authentication bfd_instance garp_group
syntax keyword keepalivedBlock global_defs group host interface_up_down_delays interfaces
syntax keyword keepalivedBlock linkbeat_interfaces notification_email real_server static_ipaddress static_routes
syntax keyword keepalivedBlock static_rules track_bfd track_file track_group track_interface
syntax keyword keepalivedBlock track_process track_script unicast_peer url virtual_ipaddress
syntax keyword keepalivedBlock virtual_ipaddress_excluded virtual_routes virtual_rules virtual_server virtual_server_group
syntax keyword keepalivedBlock vrrp_instance vrrp_script vrrp_sync_group vrrp_track_file vrrp_track_process

syntax match keepalivedInclude /^\s*\zsinclude[rmwba]\?\ze\s/
syntax match keepalivedCondition /^\s*\zs@^\?\S*/
syntax match keepalivedDefinition /^\s*\zs\$\h\w*\ze=/
syntax match keepalivedReference /\${[^}]*}/
syntax match keepalivedReference /\$\h\w*\ze\([ \t,)]\|$\)/
syntax match keepalivedRepeat /\~\(SEQx\?\|LST\)\s*([^)]*)/ contains=keepalivedReference
syntax region keepalivedString start=/"/ end=/"/ oneline contains=keepalivedReference
syntax match keepalivedComment /[#!].*$/

highlight default link keepalivedAddress Constant
highlight default link keepalivedBlock Structure
highlight default link keepalivedBrace Delimiter
highlight default link keepalivedComment Comment
highlight default link keepalivedCondition PreCondit
highlight default link keepalivedDefinition Define
highlight default link keepalivedInclude Include
highlight default link keepalivedKeyword Keyword
highlight default link keepalivedNumber Number
highlight default link keepalivedOption Type
highlight default link keepalivedReference Identifier
highlight default link keepalivedRepeat Macro
highlight default link keepalivedString String
highlight default link keepalivedValue Boolean

let b:current_syntax = 'keepalived'
