import MartletStack
import MartletTCP
import MartletWire
import Testing

/// RFC 4861 §7.3, for both families.
@Suite("Reachability")
struct ReachabilityTests {
  /// The neighbour answers the question for it.
  private func answer(_ s: Station, _ peer: IPAddress, at hardware: MACAddress = mac(9)) {
    if peer.isFour {
      s.inject(s.arp(.reply, from: hardware, peer, for: s.address, at: s.hardware))
    } else {
      s.inject(s.advertisement(of: peer, at: hardware))
    }
  }

  private func peer(_ version: Int) -> IPAddress { version == 4 ? v4(10, 0, 0, 9) : v6(9) }

  private func send(_ s: Station, _ socket: UDPSocketID) throws -> [SeenFrame] {
    let text: Packet = [1]
    try s.stack.send(socket, text.span.bytes, now: s.now)
    return s.pull()
  }

  private func isQuestion(_ frame: SeenFrame) -> Bool { frame.arp != nil || frame.neighbour?.type == 135 }

  @Test("An idle neighbour costs nothing: no timer, no question", arguments: [4, 6])
  func idle(version: Int) throws {
    let s = try Station()
    let socket = try s.stack.openDatagram(connectedTo: Endpoint(address: peer(version), port: 53))
    _ = try send(s, socket)
    answer(s, peer(version))
    _ = s.pull()
    #expect(s.stack.nextDeadline(now: s.now).map { $0.since(s.now) <= .seconds(1) } ?? true)
    s.advance(by: .seconds(2))
    #expect(s.stack.nextDeadline(now: s.now) == nil)
    s.advance(by: .hours(48))
    #expect(s.pull().isEmpty && s.stack.held.neighbours == 1)
  }

  @Test(
    "After 15 to 45 s a packet still goes there, and 5 s later the neighbour is asked, alone",
    arguments: [4, 6])
  func probe(version: Int) throws {
    let s = try Station()
    let socket = try s.stack.openDatagram(connectedTo: Endpoint(address: peer(version), port: 53))
    _ = try send(s, socket)
    answer(s, peer(version))
    _ = s.pull()
    s.advance(by: .seconds(14))
    #expect(try send(s, socket).map(\.destination) == [mac(9)])
    s.advance(by: .seconds(6))
    #expect(s.pull().isEmpty)
    s.advance(by: .seconds(26))
    #expect(try send(s, socket).map(\.destination) == [mac(9)])
    s.advance(by: .milliseconds(4_999))
    #expect(s.pull().isEmpty)
    s.advance(by: .milliseconds(1))
    let question = s.pull()
    #expect(question.count == 1 && question.allSatisfy(isQuestion))
    #expect(question.first?.destination == mac(9))
    answer(s, peer(version))
    s.advance(by: .seconds(10))
    #expect(s.pull().isEmpty && s.stack.held.neighbours == 1)
  }

  @Test("Three such questions without an answer, and the neighbour is looked for anew", arguments: [4, 6])
  func loss(version: Int) throws {
    let s = try Station()
    let socket = try s.stack.openDatagram(connectedTo: Endpoint(address: peer(version), port: 53))
    _ = try send(s, socket)
    answer(s, peer(version))
    _ = s.pull()
    s.advance(by: .minutes(1))
    _ = try send(s, socket)
    var questions = 0
    for _ in 0..<90 {
      s.advance(by: .milliseconds(100))
      questions += s.pull().filter(isQuestion).count
    }
    #expect(questions == 3)
    #expect(s.stack.counters.neighbourLosses == 1 && s.stack.held.neighbours == 0)
    let question = try send(s, socket)
    #expect(question.count == 1 && question.allSatisfy { $0.destination.isMulticast })
    answer(s, peer(version), at: mac(8))
    #expect(s.pull().map(\.destination) == [mac(8)])
  }

  @Test("RFC 4861 §7.3.1: a connection that moves spares the neighbour the question", arguments: [4, 6])
  func hint(version: Int) throws {
    let s = try Station()
    let remote = Endpoint(address: peer(version), port: 80)
    let client = try s.stack.connect(to: remote, now: s.now)
    _ = s.pull()
    answer(s, peer(version))
    let syn = try #require(s.pull().first?.ip)
    let local = try s.stack.status(client, now: s.now).local
    func segment(_ seq: UInt32, _ ack: UInt32, _ flags: TCPFlags, _ text: Packet = []) -> Packet {
      s.frame(tcp(from: remote, to: local, seq: seq, ack: ack, flags, text: text), from: mac(9))
    }
    s.inject(segment(100, syn.seq &+ 1, [.syn, .ack]))
    _ = s.pull()
    var sent: UInt32 = 0
    var questions = 0
    for _ in 0..<30 {
      s.advance(by: .seconds(10))
      let text: Packet = [1]
      _ = try s.stack.send(client, text.span.bytes, now: s.now)
      sent += 1
      questions += s.pull().filter(isQuestion).count
      s.advance(by: .milliseconds(50))
      s.inject(segment(101, syn.seq &+ 1 &+ sent, .ack))
      questions += s.pull().filter(isQuestion).count
    }
    #expect(questions == 0)
    // Acknowledgments that say nothing new are no sign.
    s.advance(by: .minutes(1))
    let text: Packet = [1]
    _ = try s.stack.send(client, text.span.bytes, now: s.now)
    for _ in 0..<70 {
      s.advance(by: .milliseconds(100))
      s.inject(segment(101, syn.seq &+ 1 &+ sent, .ack))
      questions += s.pull().filter(isQuestion).count
    }
    #expect(questions >= 1)
  }

  @Test("An answer that nobody waits for does not make a neighbour reachable", arguments: [4, 6])
  func unasked(version: Int) throws {
    let s = try Station()
    let socket = try s.stack.openDatagram(connectedTo: Endpoint(address: peer(version), port: 53))
    _ = try send(s, socket)
    answer(s, peer(version))
    _ = s.pull()
    s.advance(by: .minutes(1))
    _ = try send(s, socket)
    // In DELAY we have not asked.
    answer(s, peer(version))
    s.advance(by: .seconds(5))
    #expect(s.pull().filter(isQuestion).count == 1)
  }
}
