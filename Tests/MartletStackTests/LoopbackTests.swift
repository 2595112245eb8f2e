import MartletStack
import MartletTCP
import MartletWire
import Testing

/// A host that talks to itself, and one that has no way to.
@Suite("Loopback")
struct LoopbackTests {
  private func v4loop(_ n: UInt8) -> IPAddress { v4(127, 0, 0, n) }
  private let loop6 = IPAddress.v6(.loopback)

  /// A host with a loopback interface.
  private final class Talker {
    let host: Host
    let loopback: InterfaceID

    init() throws {
      host = try Host(2)
      loopback = try host.stack.addInterface(.loopback)
      // Everything that a link could carry.
      try host.stack.addRoute(
        Route(prefix: IPPrefix(v4(0, 0, 0, 0), length: 0), interface: host.interface, gateway: nil))
      try host.stack.addRoute(
        Route(
          prefix: IPPrefix(.v6(IPv6Address(high: 0, low: 0)), length: 0), interface: host.interface,
          gateway: nil))
    }

    /// Until it has nothing more to say to itself; nothing of it is on the link.
    func pump(sourceLocation: SourceLocation = #_sourceLocation) {
      var buffer = Packet(repeating: 0xa5, count: 65_535)
      for _ in 0..<10_000 {
        var span = buffer.mutableSpan
        var raw = span.mutableBytes
        guard let next = host.stack.nextPacket(on: loopback, into: &raw, now: host.now) else {
          #expect(host.pull().isEmpty, sourceLocation: sourceLocation)
          host.check()
          return
        }
        let packet = Packet(buffer.prefix(next.count))
        host.stack.receive(packet.span.bytes, next.metadata, on: loopback, now: host.now)
      }
      Issue.record("it never ends", sourceLocation: sourceLocation)
    }
  }

  @Test("A host reaches itself at its own addresses and at those of loopback, from the same address")
  func connection() throws {
    let t = try Talker()
    let listener = try t.host.stack.listen(on: LocalEndpoint(port: 80))
    for (to, from) in [
      (t.host.address, t.host.address), (t.host.address6, t.host.address6), (v4loop(1), v4loop(1)),
      (v4loop(9), v4loop(1)), (loop6, loop6),
    ] {
      let client = try t.host.stack.connect(to: Endpoint(address: to, port: 80), now: t.host.now)
      t.pump()
      let server = try t.host.stack.accept(listener)
      let status = try t.host.stack.status(client, now: t.host.now)
      #expect(status.local.address == from && status.remote.address == to)
      let text = Packet((0..<100_000).map { UInt8(truncatingIfNeeded: $0) })
      var (sent, read) = (0, Packet())
      for _ in 0..<100 where read.count < text.count {
        if sent < text.count { sent += (try? t.host.send(client, Packet(text[sent...]))) ?? 0 }
        t.pump()
        read += try t.host.read(server) ?? []
        t.host.advance(by: .milliseconds(50))
      }
      #expect(read == text)
      try t.host.stack.close(client, now: t.host.now)
      t.pump()
      try t.host.stack.close(server, now: t.host.now)
      t.pump()
      t.host.advance(by: .minutes(3))
      t.pump()
      _ = t.host.drain()
    }
    #expect(t.host.stack.held.connections == 0 && t.host.stack.held.chunks == 0)
    #expect(t.host.stack.counters.drops == 0)
  }

  @Test("A port that nobody has is refused at once, and nobody is connected with himself")
  func refused() throws {
    let t = try Talker()
    let client = try t.host.stack.connect(to: t.host.endpoint(81), now: t.host.now)
    t.pump()
    #expect(try t.host.state(client) == .closed)
    #expect(try t.host.stack.status(client, now: t.host.now).tcp.endReason == .refused)
    #expect(throws: ConnectError.portInUse) {
      try t.host.stack.connect(
        to: t.host.endpoint(5_000), from: LocalEndpoint(port: 5_000), now: t.host.now)
    }
  }

  @Test("Datagrams and echoes likewise, with their errors")
  func datagrams() throws {
    let t = try Talker()
    let server = try t.host.stack.openDatagram(on: LocalEndpoint(port: 53))
    var block = Packet(repeating: 0, count: 100)
    for to in [t.host.address, t.host.address6, v4loop(1), v4loop(9), loop6] {
      let client = try t.host.stack.openDatagram(connectedTo: Endpoint(address: to, port: 53))
      try t.host.stack.send(client, Packet([1, 2, 3]).span.bytes, now: t.host.now)
      t.pump()
      var span = block.mutableSpan
      var raw = span.mutableBytes
      let datagram = try t.host.stack.receive(server, into: &raw, now: t.host.now)
      #expect(
        datagram.count == 3 && datagram.to == to
          && datagram.from.address == (to == v4loop(9) ? v4loop(1) : to))
      let nobody = try t.host.stack.openDatagram(connectedTo: Endpoint(address: to, port: 54))
      try t.host.stack.send(nobody, Packet([1]).span.bytes, now: t.host.now)
      t.pump()
      #expect(throws: DatagramError.network(.portUnreachable)) {
        try t.host.stack.send(nobody, Packet([1]).span.bytes, now: t.host.now)
      }
      let echo = try t.host.stack.openEcho(to: to)
      try t.host.stack.sendEcho(echo, sequence: 1, Packet([7, 8]).span.bytes, now: t.host.now)
      t.pump()
      let answer = try t.host.stack.receiveEcho(echo, into: &raw, now: t.host.now)
      #expect(answer.from == to && answer.count == 2)
    }
  }

  @Test(
    "RFC 1122 §3.2.1.3 (g), RFC 4291 §2.5.3: nothing of loopback is believed that came over a link, or leaves by one"
  )
  func wire() throws {
    let t = try Talker()
    _ = try t.host.stack.listen(on: LocalEndpoint(port: 80))
    let outside = v4(10, 0, 0, 9)
    for (from, to, reason) in [
      (v4loop(1), t.host.address, DropReason.martianSource), (outside, v4loop(1), .martianDestination),
      (loop6, t.host.address6, .martianSource), (v6(9), loop6, .martianDestination),
      (t.host.address, t.host.address, .ownSource), (t.host.address6, t.host.address6, .ownSource),
    ] {
      let before = t.host.drops(reason)
      let syn = tcp(
        from: Endpoint(address: from, port: 4_000), to: Endpoint(address: to, port: 80), seq: 1, .syn)
      #expect(try t.host.answers(to: syn).isEmpty)
      t.pump()
      #expect(t.host.drops(reason) == before + 1, "\(from) > \(to)")
    }
    // And what is for others is not for whoever talks to himself.
    let stray = udp(from: t.host.endpoint(1), to: Endpoint(address: outside, port: 2), [1])
    t.host.stack.receive(stray.span.bytes, on: t.loopback, now: t.host.now)
    #expect(t.host.drops(.notOurs) == 1)
  }

  @Test("What waits on an Ethernet is no reason to look at loopback again and again")
  func quiet() throws {
    let host = try Host(2)
    let loopback = try host.stack.addInterface(.loopback)
    let medium = EthernetMedium(
      hardwareAddress: MACAddress(bits: 0x0200_0000_0001), dhcp: DHCPConfiguration())
    let ethernet = try host.stack.addInterface(InterfaceConfiguration(medium: .ethernet(medium)))
    for _ in 0..<20 where !host.stack.hasOutput(on: ethernet) { host.advance(by: .seconds(1)) }
    #expect(host.stack.hasOutput(on: ethernet) && !host.stack.hasOutput(on: loopback))
  }

  @Test(
    "Without a loopback interface nobody reaches himself, and is told so; and so it is when it is taken away")
  func none() throws {
    let t = try Talker()
    let plain = try Host(2)
    try t.host.stack.removeInterface(t.loopback)
    for host in [plain, t.host] {
      for to in [host.address, host.address6, v4loop(1), loop6] {
        #expect(throws: ConnectError.unreachable) {
          try host.stack.connect(to: Endpoint(address: to, port: 80), now: host.now)
        }
        #expect(throws: ListenError.noRoute) { try host.stack.openEcho(to: to) }
        let socket = try host.stack.openDatagram()
        #expect(throws: DatagramError.noRoute) {
          try host.stack.send(
            socket, Packet([1]).span.bytes, to: Endpoint(address: to, port: 9), now: host.now)
        }
        try host.stack.close(socket)
      }
      #expect(host.pull().isEmpty)
    }
  }

  @Test("RFC 1122 §3.2.1.3, RFC 4291: nothing leaves for what nobody can have")
  func impossible() throws {
    let t = try Talker()
    let socket = try t.host.stack.openDatagram()
    let low: [IPv6Address] = [
      IPv6Address(high: 0, low: 0), IPv6Address(high: 0, low: 0xffff_0a00_0009),
      IPv6Address(high: 0xff01 << 48, low: 5), IPv6Address(high: 0xff00 << 48, low: 5),
    ]
    for to in [v4(0, 0, 0, 0), v4(0, 1, 2, 3), v4(240, 0, 0, 1)] + low.map(IPAddress.v6) {
      #expect(throws: DatagramError.noRoute, "\(to)") {
        try t.host.stack.send(
          socket, Packet([1]).span.bytes, to: Endpoint(address: to, port: 9), now: t.host.now)
      }
      #expect(throws: ListenError.noRoute) { try t.host.stack.openEcho(to: to) }
    }
    #expect(throws: ListenError.noRoute) { try t.host.stack.openEcho(to: v4(10, 0, 0, 255)) }
    t.pump()
    for to in [v4(10, 0, 0, 255), v4(255, 255, 255, 255), v4(224, 0, 0, 251), v4(10, 0, 0, 9)] {
      try t.host.stack.send(
        socket, Packet([1]).span.bytes, to: Endpoint(address: to, port: 9), now: t.host.now)
    }
    #expect(t.host.pull().count == 4)
  }

  @Test("RFC 4007 §6: our link-local address of one link is nobody on another")
  func linkLocal() throws {
    let host = try Host(2)
    let local = IPAddress.v6(IPv6Address(high: 0xfe80 << 48, low: 2))
    let other = try host.stack.addInterface(InterfaceConfiguration(addresses: [IPPrefix(local, length: 64)]))
    let ping = icmp(from: .v6(IPv6Address(high: 0xfe80 << 48, low: 9)), to: local, type: 128)
    #expect(try host.answers(to: ping).isEmpty)
    #expect(host.drops(.notOurs) == 1)
    host.stack.receive(ping.span.bytes, on: other, now: host.now)
    #expect(host.stack.counters.icmpOutEchoReps == 1)
  }
}
