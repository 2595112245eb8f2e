import MartletTCP
import MartletWire

/// A packet between the two stacks.
struct WirePacket {
  var octets: Octets
  let to: Int
  let sentAt: Instant
  var arrival: Instant
  /// A bit or the end is missing, and its checksum says so. Nothing more may be done to it: two wrongs can make
  /// a right sum.
  var isHurt = false
}

/// The way between the two stacks: packets arrive when their time has come, those of one instant in the order in
/// which they were put there.
struct PairWire {
  private(set) var packets: [WirePacket] = []
  /// What was sent last, as it was sent, to be sent again.
  private var history: [WirePacket] = []
  /// By where a packet goes to: nothing gets through.
  var isCut = [false, false]

  /// RFC 9293 §3.4.1: no packet lives longer. TCP takes this for granted.
  static let lifetime = TimeAmount.seconds(30)
  private static var most: Int { 400 }

  var count: Int { packets.count }
  subscript(i: Int) -> WirePacket {
    get { packets[i] }
    set { packets[i] = newValue }
  }

  mutating func send(_ octets: Octets, to: Int, now: Instant, delay: TimeAmount) {
    let packet = WirePacket(octets: octets, to: to, sentAt: now, arrival: now.advanced(by: delay))
    if history.count == 32 { history.removeFirst() }
    history.append(packet)
    if !isCut[to] { add(packet) }
  }

  mutating func add(_ packet: WirePacket) {
    if packets.count < Self.most { packets.append(packet) }
  }

  mutating func drop(_ i: Int) { packets.remove(at: i) }

  /// One of the packets of the past, unless it is older than a packet may be.
  func old(_ i: Int, now: Instant, evenDead: Bool) -> WirePacket? {
    guard !history.isEmpty else { return nil }
    var packet = history[history.count - 1 - i % history.count]
    guard evenDead || now.since(packet.sentAt).nanoseconds < Self.lifetime.nanoseconds else { return nil }
    packet.arrival = now
    return packet
  }

  /// Which comes next.
  var next: Int? {
    var first: Int?
    for i in packets.indices where first.map({ packets[i].arrival < packets[$0].arrival }) ?? true {
      first = i
    }
    return first
  }

  mutating func take(_ i: Int) -> WirePacket { packets.remove(at: i) }
}
