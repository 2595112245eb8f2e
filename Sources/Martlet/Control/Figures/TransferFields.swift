import MartletTCP
import MartletTrace

extension JSONObject {
  /// What a connection's transfer is at, by the names that Linux's `TCP_INFO` gives it without their `tcpi_`,
  /// and by the RFCs' where it has none. Windows and amounts are octets, where Linux counts segments; times are
  /// microseconds, and milliseconds where the name says so.
  package mutating func addTransfer(_ tcp: ConnectionStatus) {
    add("snd_mss", UInt64(tcp.sndMss))
    add("rcv_mss", UInt64(tcp.rcvMss))
    add("advmss", UInt64(tcp.advmss))
    add("ca", "\(tcp.congestionControl)")
    add("ca_state", "\(tcp.recovery)")
    add("snd_cwnd", UInt64(tcp.sndCwnd))
    // As long as no loss was met there is no threshold, and none is written.
    if tcp.sndSsthresh != .max { add("snd_ssthresh", UInt64(tcp.sndSsthresh)) }
    add("snd_wnd", UInt64(tcp.sndWnd))
    add("rcv_wnd", UInt64(tcp.rcvWnd))
    add("unacked", UInt64(tcp.unacked))
    add("pipe", UInt64(tcp.pipe))
    add("sacked", UInt64(tcp.sacked))
    add("lost", UInt64(tcp.lost))
    add("retrans", UInt64(tcp.retrans))
    add("total_retrans", UInt64(tcp.totalRetrans))
    add("notsent_bytes", UInt64(tcp.notsentBytes))
    add("delivered", UInt64(tcp.delivered))
    add("lost_total", UInt64(tcp.lostTotal))
    if tcp.pacingRate > 0 { add("pacing_rate", tcp.pacingRate) }
    if tcp.rtt > 0 {
      add("rtt", UInt64(tcp.rtt))
      add("rttvar", UInt64(tcp.rttvar))
    }
    if tcp.minRtt > 0 { add("min_rtt", UInt64(tcp.minRtt)) }
    add("rto_ms", UInt64(tcp.rto))
    add("backoff", UInt64(tcp.backoff))
    add("timer", "\(tcp.timer)")
    add("last_received_ms", UInt64(tcp.lastReceived))
    add("reordering_seen", tcp.reorderingSeen)
    add("reordering_window", UInt64(tcp.reorderingWindow))
    add("out_of_order", UInt64(tcp.outOfOrder))
    add("send_buffer", UInt64(tcp.sendBuffer))
    add("receive_buffer", UInt64(tcp.receiveBuffer))
    add("timestamps", tcp.timestamps)
    add("sack", tcp.sack)
    add("ecn", tcp.ecn)
    add("fast_open", tcp.fastOpen)
    if tcp.windowScaling {
      add("snd_wscale", UInt64(tcp.sndWscale))
      add("rcv_wscale", UInt64(tcp.rcvWscale))
    }
  }
}
