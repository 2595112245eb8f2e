import MartletStack
import MartletTCP
import MartletWire
import Testing

@Suite("UDP")
struct DatagramTests {
  private func receive(_ host: Host, _ s: UDPSocketID) throws(DatagramError) -> (text: Packet, from: Endpoint)
  {
    var block = Packet(repeating: 0, count: 2_000)
    var span = block.mutableSpan
    var raw = span.mutableBytes
    let datagram = try host.stack.receive(s, into: &raw, now: host.now)
    return (Packet(block.prefix(datagram.count)), datagram.from)
  }

  @Test("Datagrams go there and back with their borders and their senders", arguments: [4, 6])
  func echo(version: Int) throws {
    let pair = try Pair()
    let server = try pair.b.stack.openDatagram(on: LocalEndpoint(port: 53))
    let client = try pair.a.stack.openDatagram()
    let to = Endpoint(address: version == 4 ? pair.b.address : pair.b.address6, port: 53)
    let texts: [Packet] = [[1], [], Packet(repeating: 3, count: 1_400), [4, 5]]
    for text in texts { try pair.a.stack.send(client, text.span.bytes, to: to, now: pair.a.now) }
    try pair.pump()
    #expect(pair.b.drain() == [.datagram(server, .readable)])
    for text in texts {
      let (got, from) = try receive(pair.b, server)
      #expect(got == text)
      try pair.b.stack.send(server, got.span.bytes, to: from, now: pair.b.now)
    }
    #expect(throws: DatagramError.wouldBlock) { try receive(pair.b, server) }
    try pair.pump()
    for text in texts { #expect(try receive(pair.a, client).text == text) }
    #expect(pair.a.stack.held.chunks == 0 && pair.b.stack.held.chunks == 0)
    try pair.a.stack.close(client)
    _ = pair.a.drain()
    #expect(pair.a.stack.held.datagramSockets == 0)
    #expect(throws: DatagramError.stale) { try receive(pair.a, client) }
  }

  @Test("The socket that fits best gets the datagram: connected, then bound to the address, then any")
  func demultiplexing() throws {
    let host = try Host(2)
    let peer = Endpoint(address: v4(10, 0, 0, 9), port: 9)
    let any = try host.stack.openDatagram(on: LocalEndpoint(port: 53))
    let bound = try host.stack.openDatagram(on: LocalEndpoint(address: host.address, port: 53))
    let connected = try host.stack.openDatagram(
      on: LocalEndpoint(address: host.address, port: 53), connectedTo: peer)
    #expect(throws: ListenError.portInUse) { try host.stack.openDatagram(on: LocalEndpoint(port: 53)) }
    host.inject(udp(from: peer, to: host.endpoint(53), [1]))
    host.inject(udp(from: Endpoint(address: peer.address, port: 8), to: host.endpoint(53), [2]))
    host.inject(udp(from: Endpoint(address: v6(9), port: 8), to: Endpoint(address: v6(2), port: 53), [3]))
    #expect(try receive(host, connected).text == [1])
    #expect(try receive(host, bound).text == [2])
    #expect(try receive(host, any).text == [3])
  }

  @Test("A full queue drops and counts; what is too large or has nowhere to go is refused")
  func limits() throws {
    let host = try Host(2) {
      $0.datagramReceiveBuffer = 1_000
      $0.datagramQueueLimit = 2_000
    }
    let peer = Endpoint(address: v4(10, 0, 0, 9), port: 9)
    let socket = try host.stack.openDatagram(on: LocalEndpoint(port: 53))
    for _ in 0..<5 { host.inject(udp(from: peer, to: host.endpoint(53), Packet(repeating: 1, count: 300))) }
    #expect(host.drops(.receiveQueueFull) == 3)
    func send(_ count: Int, to: Endpoint?) throws(DatagramError) {
      let text = Packet(repeating: 1, count: count)
      try host.stack.send(socket, text.span.bytes, to: to, now: host.now)
    }
    #expect(throws: DatagramError.tooLarge) { try send(1_951, to: peer) }
    #expect(throws: DatagramError.noDestination) { try send(1, to: nil) }
    #expect(throws: DatagramError.noRoute) { try send(1, to: Endpoint(address: v4(10, 9, 0, 1), port: 9)) }
    try send(1_472, to: peer)
    #expect(throws: DatagramError.wouldBlock) { try send(1_000, to: peer) }
    #expect(host.pull().count == 1)
    try host.stack.close(socket)
    #expect(host.stack.held.chunks == 0)
  }

  @Test("RFC 1122 §4.1.3.3: a connected socket hears of port unreachable")
  func unreachable() throws {
    let pair = try Pair()
    let client = try pair.a.stack.openDatagram(connectedTo: pair.b.endpoint(53))
    let text: Packet = [1]
    try pair.a.stack.send(client, text.span.bytes, now: pair.a.now)
    try pair.pump()
    #expect(throws: DatagramError.network(.portUnreachable)) { try receive(pair.a, client) }
    #expect(throws: DatagramError.wouldBlock) { try receive(pair.a, client) }
  }
}
