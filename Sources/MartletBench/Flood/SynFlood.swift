import ArgumentParser
import MartletWire
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

#if os(Linux)
  /// An attacker: SYNs at a steady rate from random addresses and ports, through a raw socket.
  struct SynFlood: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "syn-flood",
      abstract: "Sends SYNs from random addresses of 11.0.0.0/8 or 2001:db8::/32 to one port.",
      discussion: """
        Run it inside a network namespace of its own; it refuses to send to anything but 10.7.0.0/16 and \
        fd00:7::/32. It ends after SECONDS or by SIGTERM; from SIGUSR1 on it counts anew. Needs CAP_NET_RAW.
        """)

    @Argument(help: "Address, within 10.7.0.0/16 or fd00:7::/32.") var address: String
    @Argument(help: "Port.") var port: UInt16
    @Argument(help: "SYNs a second, at most 1000000.") var rate: Int
    @Argument(help: "Seconds, at most 120.") var seconds: Int

    func validate() throws {
      guard (1...1_000_000).contains(rate) else { throw ValidationError("RATE must be 1 to 1000000") }
      guard (1...120).contains(seconds) else { throw ValidationError("SECONDS must be 1 to 120") }
      switch IPAddress(address) {
      case .v4(let target)? where target.bits >> 16 == 0x0a07: break
      case .v6(let target)? where target.high >> 32 == 0xfd00_0007: break
      default: throw ValidationError("ADDRESS must lie in 10.7.0.0/16 or fd00:7::/32")
      }
    }

    func run() throws {
      guard let target = IPAddress(address) else { return }
      // The kernel ignores the port of a raw socket's destination, or refuses it.
      let destination = SocketAddress(target, port: 0)
      let fd = socket(destination.family, Int32(SOCK_RAW.rawValue), Int32(IPPROTO_RAW))
      guard fd >= 0 else { throw BenchError("no raw socket: \(String(cString: strerror(errno)))") }
      defer { close(fd) }
      signal(SIGTERM) { _ in isOver.store(true, ordering: .relaxed) }
      signal(SIGINT) { _ in isOver.store(true, ordering: .relaxed) }
      signal(SIGUSR1) { _ in isToCountAnew.store(true, ordering: .relaxed) }
      var syn = ForgedSyn(to: target, port: port, seed: Clock.read(CLOCK_REALTIME))
      var watch = Stopwatch()
      var start = Clock.read(CLOCK_MONOTONIC)
      let end = start + UInt64(seconds) * 1_000_000_000
      var (sent, failed) = (0, 0)
      while !isOver.load(ordering: .relaxed) {
        let now = Clock.read(CLOCK_MONOTONIC)
        if now >= end { break }
        if isToCountAnew.exchange(false, ordering: .relaxed) {
          (watch, start, sent, failed) = (Stopwatch(), now, 0, 0)
        }
        // What is due by now, so that a late turn is made up for; not more than a fiftieth of a second's.
        let due = Int(Double(now - start) * Double(rate) / 1e9)
        let batch = min(due - sent - failed, rate / 50 + 1)
        if batch < 1 {
          usleep(200)
          continue
        }
        for _ in 0..<batch {
          if syn.send(fd, destination) { sent += 1 } else { failed += 1 }
        }
        failed += max(0, due - sent - failed)
      }
      let elapsed = watch.stop()
      var line = ResultLine()
      line.add("syns_per_second", Double(sent) / elapsed.wall, 0)
      line.add("sent", sent)
      line.add("not_sent", failed)
      line.add("cpu_share", elapsed.cpu / elapsed.wall)
      line.print()
    }
  }

  /// Set by a signal, whose receiver can reach globals only.
  private let isOver = Atomic<Bool>(false)
  private let isToCountAnew = Atomic<Bool>(false)

  /// A SYN with the options that kernels send, from a new source each time.
  private struct ForgedSyn {
    private var octets: [UInt8]
    /// Octets of the IP header.
    private let ipCount: Int
    /// The sum of all that stays the same.
    private let fixed: UInt32
    private var random: UInt64

    init(to target: IPAddress, port: UInt16, seed: UInt64) {
      random = seed | 1
      let ipCount = target.isIPv4 ? 20 : 40
      var octets = [UInt8](repeating: 0, count: ipCount + 40)
      var tcp = TCPHeader(
        sourcePort: 0, destinationPort: port, seq: SequenceNumber(0), ack: SequenceNumber(0), flags: .syn,
        window: UnscaledWindow(64_240))
      tcp.options.present = [.maximumSegmentSize, .sackPermitted, .timestamps, .windowScale]
      tcp.options.maximumSegmentSize = target.isIPv4 ? 1_460 : 1_440
      tcp.options.windowScale = WindowScale(7)
      tcp.options.tsval = 1
      let source: IPAddress
      do {
        var elements = octets.mutableSpan
        var out = elements.mutableBytes
        switch target {
        case .v4(let target):
          let network = IPv4Address(bits: 0x0b00_0000)
          source = .v4(network)
          IPv4Header(totalCount: 60, timeToLive: 64, proto: .tcp, source: network, destination: target)
            .write(into: &out, at: 0)
        case .v6(let target):
          let network = IPv6Address(high: 0x2001_0db8 << 32, low: 1)
          source = .v6(network)
          IPv6Header(payloadCount: 40, nextHeader: .tcp, source: network, destination: target)
            .write(into: &out, at: 0)
        }
        tcp.write(into: &out, at: ipCount)
      }
      var sum = InternetChecksum.pseudoHeader(source: source, destination: target, proto: .tcp, length: 40)
      sum.add(octets.span.bytes.extracting(ipCount...))
      self.ipCount = ipCount
      self.octets = octets
      fixed = UInt32(~sum.field)
    }

    mutating func send(_ fd: Int32, _ destination: SocketAddress) -> Bool {
      random ^= random << 13
      random ^= random >> 7
      random ^= random << 17
      // Octets 13, 14 and 15 are the last of an IPv4 source, or of the network of 64 bits of an IPv6 one.
      for i in 0..<3 { octets[13 + i] = UInt8(truncatingIfNeeded: random >> UInt64(16 - 8 * i)) }
      octets[ipCount] = UInt8(truncatingIfNeeded: random >> 24) | 4
      octets[ipCount + 1] = UInt8(truncatingIfNeeded: random >> 32)
      let sequence = UInt32(truncatingIfNeeded: random >> 32) &* 2_654_435_761
      for i in 0..<4 { octets[ipCount + 4 + i] = UInt8(truncatingIfNeeded: sequence >> UInt32(24 - 8 * i)) }
      // What is before the three has been summed.
      var sum = fixed + UInt32(octets[13]) + UInt32(octets[14]) << 8 + UInt32(octets[15])
      for i in [ipCount, ipCount + 4, ipCount + 6] { sum += UInt32(octets[i]) << 8 | UInt32(octets[i + 1]) }
      sum = (sum & 0xffff) + sum >> 16
      sum = (sum & 0xffff) + sum >> 16
      octets[ipCount + 16] = UInt8(truncatingIfNeeded: ~sum >> 8)
      octets[ipCount + 17] = UInt8(truncatingIfNeeded: ~sum)
      return octets.withUnsafeBytes { packet in
        destination.withUnsafe { sendto(fd, packet.baseAddress, packet.count, 0, $0, $1) }
      } == octets.count
    }
  }
#endif
