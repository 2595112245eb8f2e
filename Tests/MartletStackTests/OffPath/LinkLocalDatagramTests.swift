import MartletStack
import MartletTCP
import MartletWire
import Testing

// UDP on two links that both have a fe80::9 (RFC 4007 §6).

@Suite("Datagrams to and from link-local addresses of two links")
struct LinkLocalDatagramTests {
  private func receive(_ links: TwoLinks, _ s: UDPSocketID) throws(DatagramError) -> (
    text: Packet, link: Int?
  ) {
    var block = Packet(repeating: 0, count: 100)
    var span = block.mutableSpan
    var raw = span.mutableBytes
    let datagram = try links.stack.receive(s, into: &raw, now: links.now)
    #expect(datagram.from == links.peer)
    return (Packet(block.prefix(datagram.count)), links.links.firstIndex(of: datagram.on))
  }

  @Test("What a socket for everybody sends back leaves on the link that the question came from")
  func answers() throws {
    let links = try TwoLinks()
    let socket = try links.stack.openDatagram(on: LocalEndpoint(port: 53))
    for link in [1, 0] {
      links.inject(udp(from: links.peer, to: links.own(link, 53), [UInt8(link)]), link)
      let got = try receive(links, socket)
      #expect(got.text == [UInt8(link)] && got.link == link)
      try links.stack.send(
        socket, got.text.span.bytes, to: links.peer, on: links.links[link], now: links.now)
      #expect(links.pull(1 - link).isEmpty)
      let answer = try #require(links.pull(link).first.flatMap { Seen($0) })
      #expect(answer.destination == links.peer.address && answer.source == links.own(link, 0).address)
    }
  }

  @Test("A socket of a link-local address sends to its link, and hears no link-local address of another")
  func bound() throws {
    let links = try TwoLinks()
    let socket = try links.stack.openDatagram(on: LocalEndpoint(address: links.own(1, 0).address, port: 53))
    let text: Packet = [1]
    try links.stack.send(socket, text.span.bytes, to: links.peer, now: links.now)
    #expect(links.pull(0).isEmpty && links.pull(1).count == 1)
    #expect(throws: DatagramError.noDestination) {
      try links.stack.send(
        socket, text.span.bytes, to: links.peer, on: links.links[0], now: links.now)
    }
    links.inject(udp(from: links.peer, to: links.own(1, 53), [2]), 0)
    #expect(throws: DatagramError.wouldBlock) { try receive(links, socket) }
    links.inject(udp(from: links.peer, to: links.own(1, 53), [3]), 1)
    #expect(try receive(links, socket).text == [3])
  }

  @Test("MUST-54 each of two sockets that are connected to twins hears of its own only")
  func connected() throws {
    let links = try TwoLinks()
    let text: Packet = [1]
    let sockets = try [0, 1].map {
      try links.stack.openDatagram(
        on: LocalEndpoint(address: links.own($0, 0).address, port: 53), connectedTo: links.peer)
    }
    for link in [1, 0] {
      let (own, other) = (sockets[link], sockets[1 - link])
      try links.stack.send(own, text.span.bytes, now: links.now)
      #expect(links.pull(1 - link).isEmpty)
      let sent = try #require(links.pull(link).first)
      links.inject(udp(from: links.peer, to: links.own(link, 53), [9]), 1 - link)
      // There it is nobody.
      #expect(links.pull(1 - link).isEmpty && links.stack.counters.drops(.notOurs) > 0)
      #expect(throws: DatagramError.wouldBlock) { try receive(links, own) }
      #expect(throws: DatagramError.wouldBlock) { try receive(links, other) }
      links.inject(udp(from: links.peer, to: links.own(link, 53), [9]), link)
      #expect(try receive(links, own).text == [9])
      let error = icmp(from: links.peer.address, to: links.own(link, 0).address, type: 1, code: 4, sent)
      links.inject(error, 1 - link)
      #expect(throws: DatagramError.wouldBlock) { try receive(links, own) }
      links.inject(error, link)
      #expect(throws: DatagramError.network(.portUnreachable)) { try receive(links, own) }
      #expect(throws: DatagramError.wouldBlock) { try receive(links, other) }
    }
  }

  @Test("Without an address of ours a link-local peer is on the first link that has such addresses")
  func firstLink() throws {
    let links = try TwoLinks()
    let socket = try links.stack.openDatagram(on: LocalEndpoint(port: 53), connectedTo: links.peer)
    let text: Packet = [1]
    try links.stack.send(socket, text.span.bytes, now: links.now)
    #expect(links.pull(0).count == 1 && links.pull(1).isEmpty)
    links.inject(udp(from: links.peer, to: links.own(0, 53), [2]), 1)
    #expect(throws: DatagramError.wouldBlock) { try receive(links, socket) }
    links.inject(udp(from: links.peer, to: links.own(0, 53), [3]), 0)
    #expect(try receive(links, socket).text == [3])
  }
}
