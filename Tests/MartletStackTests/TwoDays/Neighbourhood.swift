import MartletStack
import MartletTCP
import MartletWire
import Testing

/// Everybody else on the link of a station that has its addresses lent and made: neighbours who come, go and change
/// their cards, routers who change their minds, a DHCP server that is not always there, and peers near and far that speak
/// just enough TCP.
final class Neighbourhood {
  let scene: LeaseScene
  var s: Station { scene.s }
  /// Nobody is there any more.
  var isDeserted = false
  /// Which of them are there, and what their cards are called.
  var epoch: UInt8 = 0
  private(set) var ours: [IPAddress] = []
  private(set) var connected = 0
  private(set) var accepted = 0
  private(set) var leases = 0
  private(set) var conflicts = 0
  private(set) var open: [ConnectionID] = []
  private var seed: UInt64

  init(seed: UInt64) throws {
    self.seed = seed
    scene = try LeaseScene(hostName: "box", seed: seed, autoconfigures: true, temporary: TemporaryAddresses())
    s.checksEachStep = false
  }

  func draw(_ bound: UInt64) -> UInt64 {
    seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return (seed >> 33) % bound
  }

  func isThere(_ n: UInt8) -> Bool { !isDeserted && (n &+ epoch) % 3 != 0 }
  private func card(of n: UInt8) -> MACAddress { mac(n ^ epoch / 8) }

  // MARK: Time

  func live(for amount: TimeAmount) throws {
    let end = s.now.advanced(by: amount)
    try settle()
    while let deadline = s.stack.nextDeadline(now: s.now), deadline <= end {
      s.advance(by: max(deadline, s.now).since(s.now))
      try settle()
    }
    s.advance(by: end.since(s.now))
    try settle()
  }

  /// Until nobody has anything to say.
  func settle() throws {
    for _ in 0..<1_000 {
      let questions = scene.asked()
      let frames = scene.others
      scene.others = []
      let events = s.drain()
      if questions.isEmpty, frames.isEmpty, events.isEmpty { return }
      for question in questions where !isDeserted { answer(question) }
      for frame in frames { answer(frame) }
      for event in events { take(event) }
    }
    Issue.record("they talk without end")
  }

  // MARK: Answers

  private func answer(_ question: SeenMessage) {
    let mood = draw(10)
    if mood < 2 { return }
    switch question.kind {
    case .discover: scene.tell(.offer, to: question)
    case .request where mood == 2: scene.tell(.nak, to: question)
    case .request:
      let time = UInt32(600 + draw(7_200))
      scene.tell(.ack, to: question) { $0.options.leaseTime = time }
    default: break
    }
  }

  private func answer(_ frame: SeenFrame) {
    if let arp = frame.arp {
      guard arp.operation == .request, case .v4(let a) = IPAddress.v4(arp.targetProtocol) else { return }
      let n = UInt8(truncatingIfNeeded: a.bits)
      // 77 is lent to us; somebody had it all the same, once in a while.
      let isTaken = n == 77 && arp.senderProtocol == .any && draw(30) == 0
      if isTaken { conflicts += 1 }
      guard n == 77 ? isTaken : isThere(n) || n >= 250 && !isDeserted else { return }
      s.inject(
        s.arp(
          .reply, from: card(of: n), .v4(arp.targetProtocol), for: .v4(arp.senderProtocol),
          at: arp.senderHardware))
    } else if let asked = frame.neighbour, asked.type == 135 {
      let n = UInt8(truncatingIfNeeded: asked.target.low)
      // Nobody has an address like those that are made.
      guard asked.target.low < 0x200, isThere(n), let from = frame.ip?.source, !from.isUnspecified else {
        return
      }
      let isRouter = asked.target.low >= 0x100
      s.inject(
        s.advertisement(
          of: .v6(asked.target), at: isRouter ? mac(n) : card(of: n), router: isRouter, to: from))
    } else if let ip = frame.ip, let header = ip.header {
      answer(ip, header, at: frame.destination)
    }
  }

  /// What a peer says to a segment, who keeps nothing in mind: it acknowledges, opens and closes with us.
  private func answer(_ seen: Seen, _ header: TCPHeader, at hardware: MACAddress) {
    guard !isDeserted, draw(20) > 0, !header.flags.contains(.rst) else { return }
    let syn = header.flags.contains(.syn)
    let fin = header.flags.contains(.fin)
    let next = seen.seq &+ UInt32(seen.text.count) &+ (syn ? 1 : 0) &+ (fin ? 1 : 0)
    guard next != seen.seq else { return }
    let isOpening = syn && !header.flags.contains(.ack)
    let flags: TCPFlags = isOpening ? [.syn, .ack] : fin ? [.fin, .ack] : [.ack]
    let text: Packet = syn && !isOpening ? [1, 2, 3] : []
    s.inject(
      s.frame(
        tcp(
          from: Endpoint(address: seen.destination, port: header.destinationPort),
          to: Endpoint(address: seen.source, port: header.sourcePort), seq: isOpening ? 1_000 : seen.ack,
          ack: next, flags, text: text), from: hardware))
  }

  // MARK: Routers

  /// One of four routers says how long a network, one of five, lasts; and itself.
  func tellOfNetwork(_ n: UInt64, valid: UInt32, preferred: UInt32) {
    let prefix = AutoconfigurationTests.Prefix(
      high: 0x2001_0db8_0000_0000 + n << 16, valid: valid, preferred: preferred)
    let router = draw(4)
    s.inject(
      AutoconfigurationTests().advertisement(
        s, [prefix], lifetime: UInt16(draw(2) * draw(3_000)), preference: UInt8(draw(4)),
        from: .v6(IPv6Address(high: 0xfe80_0000_0000_0000, low: 0x100 + router)), at: mac(UInt8(router))))
  }

  /// No network is on the link any more, and addresses last no longer than two hours.
  func takeBackNetworks() {
    for n in 0..<5 as Range<UInt64> { tellOfNetwork(n, valid: 0, preferred: 0) }
  }

  // MARK: The application

  private func take(_ event: StackEvent) {
    switch event {
    case .addressReady(let address, _): ours.append(address)
    case .addressRemoved(let address, _): ours.removeAll { $0 == address }
    case .lease(.obtained, _, _): leases += 1
    case .listener(let listener):
      while let c = try? s.stack.accept(listener) {
        accepted += 1
        open.append(c)
      }
    case .connection(let id, let readiness):
      if readiness.contains(.connected) { connected += 1 }
      var room = Packet(repeating: 0, count: 1_000)
      var isAtEnd = false
      while true {
        var span = room.mutableSpan
        var raw = span.mutableBytes
        guard let count = try? s.stack.receive(id, into: &raw, now: s.now) else { break }
        if count == 0 {
          isAtEnd = true
          break
        }
      }
      if isAtEnd || readiness.contains(.ended) { close(id) }
    default: break
    }
  }

  func close(_ id: ConnectionID) {
    open.removeAll { $0 == id }
    try? s.stack.close(id, now: s.now)
  }

  func connect(to remote: IPAddress) {
    guard let id = try? s.stack.connect(to: Endpoint(address: remote, port: 80), now: s.now) else { return }
    open.append(id)
    _ = try? s.stack.send(id, [UInt8](repeating: 7, count: 3_000).span.bytes, now: s.now)
  }

  /// Somebody near opens a connection to one of ours.
  func isCalled(by n: UInt8, port: UInt16) {
    guard let own = ours.isEmpty ? nil : ours[Int(draw(UInt64(ours.count)))] else { return }
    let from: IPAddress
    switch own {
    case .v4: from = v4(10, 0, 0, n)
    case .v6(let a): from = .v6(IPv6Address(high: a.high, low: UInt64(n)))
    }
    s.inject(
      s.frame(
        tcp(
          from: Endpoint(address: from, port: port), to: Endpoint(address: own, port: 80), seq: 999, [.syn]),
        from: card(of: n)))
  }
}
