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
syntax keyword keepalivedValue initial insist monotonic never no
syntax keyword keepalivedValue noreverse off on partial permissive
syntax keyword keepalivedValue receive-only report reverse time true
syntax keyword keepalivedValue yes yield


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
syntax keyword keepalivedKeyword arbiter arp auth_pass auth_type bfd_cpu_affinity
syntax keyword keepalivedKeyword bfd_no_swap bfd_priority bfd_process_name bfd_rlimit_rtime bfd_rlimit_rttime
syntax keyword keepalivedKeyword bfd_rt_priority bind_if bind_port bindto ca
syntax keyword keepalivedKeyword certificate check_unicast_src checker checker_cpu_affinity checker_log_all_failures
syntax keyword keepalivedKeyword checker_no_swap checker_priority checker_process_name checker_rlimit_rtime checker_rlimit_rttime
syntax keyword keepalivedKeyword checker_rt_priority child_wait_time config_save_dir conflict_detection connect_ip
syntax keyword keepalivedKeyword connect_port connect_timeout data_use_instance dbus_no_interface_name dbus_service_name
syntax keyword keepalivedKeyword debug default_interface delay delay_before_retry delay_loop
syntax keyword keepalivedKeyword digest disable_local_igmp dont_track_primary down_timer_adverts dynamic_interfaces
syntax keyword keepalivedKeyword enable_dbus enable_script_security enable_sni enable_snmp_checker enable_snmp_keepalived
syntax keyword keepalivedKeyword enable_snmp_rfc enable_snmp_rfcv2 enable_snmp_rfcv3 enable_snmp_vrrp enable_traps
syntax keyword keepalivedKeyword fall fast_recovery fifo_write_vrrp_states_on_reload file flag-1
syntax keyword keepalivedKeyword flag-2 flag-3 fork_delay full_command fwmark
syntax keyword keepalivedKeyword garp_extra_if garp_interval garp_lower_prio_delay garp_lower_prio_repeat garp_master_delay
syntax keyword keepalivedKeyword garp_master_refresh garp_master_refresh_repeat garp_master_repeat global_tracking gna_interval
syntax keyword keepalivedKeyword ha_suspend hashed helo_name higher_prio_send_advert hoplimit
syntax keyword keepalivedKeyword http http_protocol hysteresis idle_tx include_check
syntax keyword keepalivedKeyword inhibit_on_failure init_fail init_file instance interface
syntax keyword keepalivedKeyword interval ip_family iproute_etc_dir iproute_usr_dir json_dump_file
syntax keyword keepalivedKeyword json_version kernel_rx_buf_size key lb_algo lb_kind
syntax keyword keepalivedKeyword linkbeat_use_polling log_all_failures log_unknown_vrids lower_prio_no_advert lthreshold
syntax keyword keepalivedKeyword lvs_flush lvs_flush_on_stop lvs_flush_onstop lvs_method lvs_netlink_cmd_rcv_bufs
syntax keyword keepalivedKeyword lvs_netlink_cmd_rcv_bufs_force lvs_netlink_monitor_rcv_bufs lvs_netlink_monitor_rcv_bufs_force lvs_notify_fifo lvs_notify_fifo_script
syntax keyword keepalivedKeyword lvs_process_name lvs_sched lvs_sync_daemon lvs_sync_daemon_interface lvs_timeouts
syntax keyword keepalivedKeyword max_auto_priority max_hops max_reply_length mcast_dst_ip mcast_src_ip
syntax keyword keepalivedKeyword mh-fallback mh-port min_auto_priority_delay min_reply_length min_rx
syntax keyword keepalivedKeyword min_tx misc_dynamic misc_path misc_timeout mode
syntax keyword keepalivedKeyword multihop multiplier name namespace_with_ipsets native_ipv6
syntax keyword keepalivedKeyword nb_get_retry neighbor_ip neighbour_ip net_namespace net_namespace_ipvs
syntax keyword keepalivedKeyword nftables nftables_counters nftables_ifindex nftables_ipvs nftables_ipvs_priority
syntax keyword keepalivedKeyword nftables_ipvs_start_fwmark nftables_priority no_accept no_checker_emails no_email_faults
syntax keyword keepalivedKeyword no_virtual_ipaddress nopreempt notification_email_from notify notify_backup
syntax keyword keepalivedKeyword notify_deleted notify_down notify_fault notify_fifo notify_fifo_script
syntax keyword keepalivedKeyword notify_master notify_master_rx_lower_pri notify_priority_changes notify_split_brain notify_stop
syntax keyword keepalivedKeyword notify_up old_unicast_checksum omega ops owner_ignore_adverts
syntax keyword keepalivedKeyword param_match passive password path payload
syntax keyword keepalivedKeyword persistence_engine persistence_granularity persistence_timeout ping preempt
syntax keyword keepalivedKeyword preempt_delay priority process process_monitor_rcv_bufs process_monitor_rcv_bufs_force
syntax keyword keepalivedKeyword process_name process_names promote_secondaries protocol quorum
syntax keyword keepalivedKeyword quorum_down quorum_max quorum_up random_seed regex
syntax keyword keepalivedKeyword regex_max_offset regex_min_offset regex_no_match regex_options regex_stack
syntax keyword keepalivedKeyword reload_check_config reload_file reload_repeat reload_time_file require_reply
syntax keyword keepalivedKeyword retry rise router_id rs_init_notifies script
syntax keyword keepalivedKeyword script_user set_supplementary_groups sh-fallback sh-port shutdown_script
syntax keyword keepalivedKeyword shutdown_script_timeout skip_check_adv_addr smtp_alert smtp_alert_checker smtp_alert_vrrp
syntax keyword keepalivedKeyword smtp_connect_timeout smtp_helo_name smtp_server sni_name snmp_name
syntax keyword keepalivedKeyword snmp_rs_stats_update_interval snmp_socket snmp_vs_stats_update_interval sorry_server sorry_server_inhibit
syntax keyword keepalivedKeyword sorry_server_lvs_method source_ip startup_script startup_script_timeout state
syntax keyword keepalivedKeyword state_dump_file stats_dump_file status_code strict_mode sync_group_tracking_weight
syntax keyword keepalivedKeyword tcp terminate_delay thread_timer_expired time_window timeout
syntax keyword keepalivedKeyword timer_expired_backup tls_compliant tmp_config_directory track_file track_src_ip
syntax keyword keepalivedKeyword ttl type umask unicast_fault_no_peer unicast_src_ip
syntax keyword keepalivedKeyword unicast_ttl use_ipvlan use_pid_dir use_symlink_paths use_vmac
syntax keyword keepalivedKeyword use_vmac_addr user uthreshold v3_checksum_as_v2 version
syntax keyword keepalivedKeyword vip_lease virtual_router_id virtualhost vmac_addr_prefix vmac_garp_intvl
syntax keyword keepalivedKeyword vmac_prefix vmac_xmit_base vrf vrrp vrrp_check_unicast_src
syntax keyword keepalivedKeyword vrrp_cpu_affinity vrrp_delay_after_boot vrrp_down_timer_adverts vrrp_garp_extra_if vrrp_garp_interval
syntax keyword keepalivedKeyword vrrp_garp_lower_prio_delay vrrp_garp_lower_prio_repeat vrrp_garp_master_delay vrrp_garp_master_refresh vrrp_garp_master_refresh_repeat
syntax keyword keepalivedKeyword vrrp_garp_master_repeat vrrp_gna_interval vrrp_higher_prio_send_advert vrrp_ipsets vrrp_iptables
syntax keyword keepalivedKeyword vrrp_lower_prio_no_advert vrrp_mcast_group4 vrrp_mcast_group6 vrrp_min_garp vrrp_netlink_cmd_rcv_bufs
syntax keyword keepalivedKeyword vrrp_netlink_cmd_rcv_bufs_force vrrp_netlink_monitor_rcv_bufs vrrp_netlink_monitor_rcv_bufs_force vrrp_no_swap vrrp_notify_fifo
syntax keyword keepalivedKeyword vrrp_notify_fifo_script vrrp_notify_priority_changes vrrp_owner_ignore_adverts vrrp_priority vrrp_process_name
syntax keyword keepalivedKeyword vrrp_rlimit_rtime vrrp_rlimit_rttime vrrp_rt_priority vrrp_rx_bufs_multiplier vrrp_rx_bufs_policy
syntax keyword keepalivedKeyword vrrp_skip_check_adv_addr vrrp_startup_delay vrrp_strict vrrp_version vrrp_vmac_garp_intvl
syntax keyword keepalivedKeyword warmup weight


syntax keyword keepalivedBlock BFD_CHECK DNS_CHECK FILE_CHECK HTTP_GET MISC_CHECK
syntax keyword keepalivedBlock PING_CHECK SMTP_CHECK SSL SSL_GET TCP_CHECK
syntax keyword keepalivedBlock UDP_CHECK auth_hmac authentication bfd_instance garp_group
syntax keyword keepalivedBlock global_defs group heartbeat host interface_up_down_delays
syntax keyword keepalivedBlock interfaces linkbeat_interfaces notification_email real_server static_ipaddress
syntax keyword keepalivedBlock static_routes static_rules track_bfd track_file track_group
syntax keyword keepalivedBlock track_interface track_probe track_process track_script unicast_peer
syntax keyword keepalivedBlock url virtual_ipaddress virtual_ipaddress_excluded virtual_routes virtual_rules
syntax keyword keepalivedBlock virtual_server virtual_server_group vrrp_arbiter vrrp_instance vrrp_script
syntax keyword keepalivedBlock vrrp_sync_group vrrp_track_file vrrp_track_process

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
