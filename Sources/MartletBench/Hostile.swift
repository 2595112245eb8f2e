import ArgumentParser
import MartletLinks
import MartletStack
import MartletTCP
import MartletWire

#if os(Linux)
  import Foundation

  /// Peers that hold as much of a server's memory as they can: a TUN device full of them.
  struct Hostile: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "hostile", abstract: "Connections that pin down a server's memory.",
      discussion: """
        Makes a TUN device whose far side is 10.8.0.0/16, one address a connection, and connects to a server \
        that the kernel reaches otherwise; the kernel must forward. By turns a connection asks for text and \
        acknowledges none of it (chargen at port 19, its window open or shut), sends single octets to \
        somebody who does not read (hold at port 9), and sends every other piece of its text, the last \
        first (hold). It keeps no rule of congestion control and closes nothing. Run it in a namespace.
        """)

    @Argument(help: "Name of the device.") var device: String
    @Argument(help: "The server's address, IPv4.") var server: String
    @Argument(help: "Connections, 1 to 60,000.") var count: Int
    @Option(help: "Seconds to go on for.") var seconds = 10

    func validate() throws {
      guard (1...60_000).contains(count) else { throw ValidationError("COUNT must be 1 to 60000") }
      guard IPv4Address(server) != nil else { throw ValidationError("SERVER must be an IPv4 address") }
    }

    func run() throws {
      guard let address = IPv4Address(server) else { return }
      let kernel = IPPrefix(.v4(IPv4Address(10, 8, 255, 254)), length: 16)
      var crowd = HostileCrowd(
        try TUNLink(TUNConfiguration(name: device, kernelAddresses: [kernel])), server: address, count: count)
      try crowd.connectAll()
      let end = Clock.now.advanced(by: .seconds(Int64(seconds)))
      var round: UInt32 = 0
      while Clock.now < end {
        try crowd.annoy(round)
        round += 1
      }
      crowd.report()
    }
  }

  struct HostileCrowd: ~Copyable {
    private var link: TUNLink
    private let server: IPv4Address
    private var peers: [Peer]
    private var refused = 0

    private struct Peer {
      var next: UInt32
      var ack: UInt32 = 0
      var isOpen = false
      var wasOpen = false
      /// The server did not leave it without an answer.
      var wasAnswered = false
      /// The server has shown that it holds something for it.
      var wasBurden = false
    }

    init(_ link: consuming TUNLink, server: IPv4Address, count: Int) {
      self.link = link
      self.server = server
      peers = (0..<count).map { Peer(next: Self.initialNumber($0)) }
    }

    private static func initialNumber(_ n: Int) -> UInt32 { UInt32(truncatingIfNeeded: n &* 7_919) }

    /// Each kind by turns: unread, single octets, shuffled.
    private func port(_ n: Int) -> UInt16 { n % 3 == 0 ? 19 : 9 }

    /// A hundred at a time, so that their SYNs do not only make a flood; then those again that had no answer.
    mutating func connectAll() throws {
      for _ in 0..<3 {
        for n in peers.indices where !peers[n].isOpen && peers[n].ack == 0 {
          try send(n, .syn)
          if n % 100 == 99 { try listen(milliseconds: 5) }
        }
        try listen(milliseconds: 300)
      }
    }

    /// The third segment, and at once, before memory is short, the first of what this connection is for.
    private mutating func begin(_ n: Int) throws {
      try send(n, .ack)
      switch n % 3 {
      case 0: break
      case 1:
        try send(n, [.ack, .psh], count: 1)
        peers[n].next &+= 1
      default: try send(n, .ack, at: 1_400, count: 1_400)
      }
    }

    /// Everybody once more; and of those who never had an answer, some ask again.
    mutating func annoy(_ round: UInt32) throws {
      for n in peers.indices {
        guard peers[n].isOpen else {
          if peers[n].ack == 0, (n ^ Int(round)) & 15 == 0 { try send(n, .syn) }
          continue
        }
        switch n % 3 {
        case 0: try send(n, .ack, window: n % 2 == 0 ? 65_535 : 0)
        case 1:
          try send(n, [.ack, .psh], count: 1)
          peers[n].next &+= 1
        default: try send(n, .ack, at: 65_000 &- (round &* 2_800) % 62_000, count: 1_400)
        }
        if n % 64 == 0 { try listen(milliseconds: 0) }
      }
      try listen(milliseconds: 20)
    }

    func report() {
      var line = ResultLine()
      line.add("connections", peers.count)
      line.add("answered", peers.count { $0.wasAnswered })
      line.add("established", peers.count { $0.wasOpen })
      for (kind, name) in ["unread", "single", "shuffled"].enumerated() {
        line.add(name, peers.indices.count { $0 % 3 == kind && peers[$0].wasBurden })
      }
      line.add("open_at_the_end", peers.count { $0.isOpen })
      line.add("resets", refused)
      line.print()
    }

    /// Whether the server holds what this connection is for: text that is not acknowledged, octets that nobody
    /// reads, or a range beyond a hole.
    private static func tellsOfBurden(_ n: Int, _ header: TCPHeader, textCount: Int) -> Bool {
      switch n % 3 {
      case 0: textCount > 0
      case 1: header.ack.rawValue != Self.initialNumber(n) &+ 1
      default: header.options.present.contains(.sack)
      }
    }

    // MARK: Packets

    private mutating func send(
      _ n: Int, _ flags: TCPFlags, at offset: UInt32 = 0, count: Int = 0, window: UInt16 = 65_535
    ) throws {
      var tcp = TCPHeader(
        sourcePort: 5_000, destinationPort: port(n), seq: SequenceNumber(peers[n].next &+ offset),
        ack: SequenceNumber(peers[n].ack), flags: flags, window: UnscaledWindow(window))
      if flags.contains(.syn) { tcp.options.present = [.sackPermitted] }
      let header = tcp.encodedCount
      let total = 20 + header + count
      let source = IPv4Address(bits: 0x0a08_0001 &+ UInt32(truncatingIfNeeded: n))
      var octets = [UInt8](repeating: 0, count: total)
      write(tcp, header, from: source, total, to: &octets)
      var isWritten = false
      for _ in 0..<200 {
        let outcome = try link.send(limit: 1, now: Clock.now) { buffer in
          guard !isWritten else { return nil }
          isWritten = true
          for i in 0..<total { buffer.storeBytes(of: octets[i], toByteOffset: i, as: UInt8.self) }
          return OutgoingPacket(count: total)
        }
        if outcome != .full { return }
        try listen(milliseconds: 1)
      }
    }

    private func write(
      _ tcp: TCPHeader, _ header: Int, from source: IPv4Address, _ total: Int, to packet: inout [UInt8]
    ) {
      for i in (20 + header)..<total { packet[i] = UInt8(truncatingIfNeeded: i) }
      do {
        var elements = packet.mutableSpan
        var out = elements.mutableBytes
        IPv4Header(
          totalCount: UInt16(total), timeToLive: 64, proto: .tcp, source: source, destination: server
        ).write(into: &out, at: 0)
        tcp.write(into: &out, at: 20)
      }
      var sum = InternetChecksum.pseudoHeader(
        source: .v4(source), destination: .v4(server), proto: .tcp, length: total - 20)
      sum.add(packet.span.bytes.extracting(20..<total))
      packet[36] = UInt8(sum.field >> 8)
      packet[37] = UInt8(truncatingIfNeeded: sum.field)
    }

    /// Takes what comes, for so long.
    private mutating func listen(milliseconds: Int) throws {
      let end = Clock.now.advanced(by: .milliseconds(Int64(milliseconds)))
      repeat {
        var answers: [Int] = []
        var peers: [Peer] = []
        // Lent out, since the link beside it is used meanwhile.
        swap(&peers, &self.peers)
        var resets = 0
        let taken = try link.receive(limit: 256, now: Clock.now) { bytes, _ in
          guard let ip = IPv4HeaderView(validating: bytes), ip.proto == .tcp,
            let tcp = TCPHeaderView(validating: ip.payload)
          else { return }
          let n = Int(truncatingIfNeeded: ip.destination.bits &- 0x0a08_0001)
          guard peers.indices.contains(n) else { return }
          let header = tcp.header()
          peers[n].wasAnswered = true
          if header.flags.contains(.rst) {
            resets += 1
            peers[n].isOpen = false
          } else if header.flags.contains(.syn), !peers[n].isOpen {
            peers[n].ack = header.seq.rawValue &+ 1
            peers[n].next &+= 1
            peers[n].isOpen = true
            peers[n].wasOpen = true
            answers.append(n)
          } else if peers[n].isOpen, Self.tellsOfBurden(n, header, textCount: tcp.textCount) {
            peers[n].wasBurden = true
          }
        }
        swap(&peers, &self.peers)
        refused += resets
        for n in answers { try begin(n) }
        if taken == 0, milliseconds > 0 { usleep(500) }
      } while Clock.now < end
    }
  }
#endif
