import Martlet
import MartletTCP

/// What `ss -i` and `ss -m` print beneath a socket, as far as the stack knows it, in the order and spelling of iproute2.
///
/// Linux counts windows in segments and the stack in octets: what is printed here is segments of the sending MSS.
enum SocketInternals {
  static func all(of line: SocketLine) -> [String] {
    guard line.kind == .tcp, let mss = line.number("snd_mss") else {
      return line.state == .listen ? listener(line) : []
    }
    return options(line) + times(line) + windows(line, max(mss, 1)) + rates(line, max(mss, 1))
      + losses(line, max(mss, 1)) + rest(line)
  }

  private static func listener(_ line: SocketLine) -> [String] {
    var parts: [String] = []
    for (name, field) in [
      ("half_open", "half_open"), ("half_open_limit", "half_open_limit"), ("accepted", "accepted"),
      ("overflows", "accept_overflows"), ("syn_overflows", "half_open_overflows"),
    ] {
      if let value = line.number(field) { parts.append("\(name):\(value)") }
    }
    if case .string(let policy) = line.fields["syn_cookies"] { parts.append("syncookies:\(policy)") }
    return parts
  }

  private static func options(_ line: SocketLine) -> [String] {
    var parts: [String] = []
    if line.fields["timestamps"]?.isTrue == true { parts.append("ts") }
    if line.fields["sack"]?.isTrue == true { parts.append("sack") }
    if line.fields["ecn"]?.isTrue == true { parts.append("ecn") }
    if line.fields["fast_open"]?.isTrue == true { parts.append("fastopen") }
    if case .string(let name) = line.fields["ca"] {
      parts.append((try? CongestionControl(parsing: name))?.linuxName ?? name)
    }
    if let sending = line.number("snd_wscale"), let receiving = line.number("rcv_wscale") {
      parts.append("wscale:\(sending),\(receiving)")
    }
    return parts
  }

  private static func times(_ line: SocketLine) -> [String] {
    var parts: [String] = []
    if let rto = line.number("rto_ms") { parts.append("rto:\(rto)") }
    if let backoff = line.number("backoff"), backoff > 0 { parts.append("backoff:\(backoff)") }
    if let rtt = line.number("rtt"), let variation = line.number("rttvar") {
      parts.append("rtt:\(milliseconds(rtt))/\(milliseconds(variation))")
    }
    return parts
  }

  private static func windows(_ line: SocketLine, _ mss: Int64) -> [String] {
    var parts = ["mss:\(mss)"]
    if let value = line.number("rcv_mss"), value > 0 { parts.append("rcvmss:\(value)") }
    if let value = line.number("advmss"), value > 0 { parts.append("advmss:\(value)") }
    if let cwnd = line.number("snd_cwnd") { parts.append("cwnd:\(max(1, cwnd / mss))") }
    if let threshold = line.number("snd_ssthresh") { parts.append("ssthresh:\(max(1, threshold / mss))") }
    return parts
  }

  private static func rates(_ line: SocketLine, _ mss: Int64) -> [String] {
    var parts: [String] = []
    if let cwnd = line.number("snd_cwnd"), let rtt = line.number("rtt"), rtt > 0 {
      // Bits a second: a window in each round trip.
      parts.append("send \(cwnd.multipliedReportingOverflow(by: 8_000_000).partialValue / rtt)bps")
    }
    if let last = line.number("last_received_ms") { parts.append("lastrcv:\(last)") }
    if let rate = line.number("pacing_rate"), rate < 1 << 60 { parts.append("pacing_rate \(rate * 8)bps") }
    if let delivered = line.number("delivered"), delivered > 0 {
      parts.append("delivered:\(segments(delivered, mss))")
    }
    return parts
  }

  private static func losses(_ line: SocketLine, _ mss: Int64) -> [String] {
    var parts: [String] = []
    func add(_ name: String, _ field: String) {
      if let octets = line.number(field), octets > 0 { parts.append("\(name):\(segments(octets, mss))") }
    }
    add("unacked", "unacked")
    let resent = line.number("retrans") ?? 0
    let total = line.number("total_retrans") ?? 0
    if resent > 0 || total > 0 { parts.append("retrans:\(segments(resent, mss))/\(total)") }
    add("lost", "lost")
    add("sacked", "sacked")
    if line.fields["reordering_seen"]?.isTrue == true { parts.append("reord_seen:1") }
    return parts
  }

  private static func rest(_ line: SocketLine) -> [String] {
    var parts: [String] = []
    if let space = line.number("receive_buffer") { parts.append("rcv_space:\(space)") }
    if let octets = line.number("notsent_bytes"), octets > 0 { parts.append("notsent:\(octets)") }
    if let rtt = line.number("min_rtt"), rtt > 0 { parts.append("minrtt:\(milliseconds(rtt))") }
    if let octets = line.number("out_of_order"), octets > 0 { parts.append("rcv_ooo:\(octets)") }
    if let window = line.number("snd_wnd") { parts.append("snd_wnd:\(window)") }
    if let window = line.number("rcv_wnd") { parts.append("rcv_wnd:\(window)") }
    return parts
  }

  /// `skmem:(r0,rb131072,t0,tb16384,f0,w0,o0,bl0,d0)`: held to be read and its limit, in flight, what may be sent, not used,
  /// held to be sent, everything else, not used, dropped.
  static func memory(of line: SocketLine) -> String? {
    func part(_ letters: String, _ value: Int64) -> String { letters + String(value) }
    let read = line.number("receive_memory") ?? line.number("receive_queue") ?? 0
    let limit = line.number("receive_buffer")
    guard let limit else { return nil }
    let sent = line.number("send_memory") ?? 0
    let other = max(0, (line.number("memory") ?? 0) - read - sent)
    let parts = [
      part("r", read), part("rb", limit), part("t", line.number("unacked") ?? 0),
      part("tb", line.number("send_buffer") ?? 0), "f0", part("w", sent), part("o", other), "bl0",
      part("d", line.number("drops") ?? 0),
    ]
    return "skmem:(" + parts.joined(separator: ",") + ")"
  }

  /// `syn_flood:(since:12.300s,rate:52000/s,syns:…)`
  static func flood(_ flood: JSONValue) -> String {
    func number(_ name: String) -> Int64 { flood[name]?.integer ?? 0 }
    let since = number("since_ms")
    return "syn_flood:(since:\(since / 1_000).\(SSTable.padded(since % 1_000, 3))s"
      + ",rate:\(number("syns_per_second"))/s,syns:\(number("syns")),sources:~\(number("distinct_sources"))"
      + ",half_open:\(number("half_open")),cookies_sent:\(number("cookies_sent"))"
      + ",cookies_returned:\(number("cookies_returned")))"
  }

  private static func segments(_ octets: Int64, _ mss: Int64) -> Int64 { (octets + mss - 1) / mss }

  /// Of microseconds, without zeros that say nothing.
  private static func milliseconds(_ microseconds: Int64) -> String {
    var text = "\(microseconds / 1_000).\(SSTable.padded(microseconds % 1_000, 3))"
    while text.last == "0" { text.removeLast() }
    if text.last == "." { text.removeLast() }
    return text
  }
}
