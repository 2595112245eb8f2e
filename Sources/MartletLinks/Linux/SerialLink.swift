#if os(Linux)
  import MartletStack
  import MartletTCP
  import MartletWire
  import SystemPackage

  #if canImport(Glibc)
    import Glibc
  #elseif canImport(Musl)
    import Musl
  #endif

  /// A serial line to another host: packets in SLIP (RFC 1055), on a terminal device in raw mode.
  ///
  /// Both ends have to agree on the speed and on the MTU, since nothing on the line tells. A packet that noise has spoilt
  /// is dropped, by its framing here or by its checksums in the stack.
  ///
  /// Invariant: it cannot be copied, so one thread at a time has it, with its descriptor and buffers.
  public struct SerialLink: Link, ~Copyable, @unchecked Sendable {
    public let name: String
    public let mtu: Int
    public private(set) var counters = LinkCounters()
    private let descriptor: FileDescriptor
    private var reader = SLIPReader()
    /// The packet that is being read.
    private var packet: PacketBuffer
    /// Octets of the line that have come: those from `taken` to `heard` are still to be looked at.
    private let line = PacketBuffer(capacity: lineCapacity)
    private var taken = 0
    private var heard = 0
    private var departure: PacketBuffer
    /// A packet as it goes on the line: octets from `written` to `waiting` have not left yet.
    private var frame: PacketBuffer
    private var written = 0
    private var waiting = 0

    private static var lineCapacity: Int { 4096 }

    /// Opens a line and makes it raw: eight bits, no echo, no flow control.
    ///
    /// - Parameters:
    ///   - path: of the device, such as /dev/ttyUSB0.
    ///   - speed: bits per second, one of those that serial lines have; no matter on a pseudo-terminal.
    ///   - mtu: octets of the largest packet, 68 to 65,535. RFC 1055 has 1,006; whoever types on the other end waits for one.
    public init(path: String, speed: Int = 115_200, mtu: Int = 576) throws(LinkError) {
      guard (68...65_535).contains(mtu) else {
        throw LinkError(.badMTU, "No serial line can have an MTU of \(mtu). Choose one from 68 to 65535.")
      }
      descriptor = try Self.open(path, speed)
      name = path
      self.mtu = mtu
      packet = PacketBuffer(capacity: mtu)
      departure = PacketBuffer(capacity: mtu)
      frame = PacketBuffer(capacity: SLIP.largestFrame(of: mtu))
    }

    deinit { try? descriptor.close() }

    private static func open(_ path: String, _ speed: Int) throws(LinkError) -> FileDescriptor {
      guard let speedCode = code(of: speed) else {
        throw LinkError(
          .unsupported, "No serial line has \(speed) bits per second. Choose 9600, 115200 or another.")
      }
      let descriptor: FileDescriptor
      do {
        descriptor = try FileDescriptor.open(
          FilePath(path), .readWrite,
          options: [.nonBlocking, .closeOnExec, FileDescriptor.OpenOptions(rawValue: O_NOCTTY)])
      } catch {
        throw refusal(of: path, (error as? Errno) ?? Errno(rawValue: 0))
      }
      var settings = termios()
      guard tcgetattr(descriptor.rawValue, &settings) == 0 else {
        try? descriptor.close()
        throw LinkError(
          .wrongDevice, "\(path) is no terminal device. Give a serial line, such as /dev/ttyUSB0.")
      }
      cfmakeraw(&settings)
      cfsetspeed(&settings, speedCode)
      settings.c_cflag |= tcflag_t(CLOCAL | CREAD)
      guard tcsetattr(descriptor.rawValue, TCSANOW, &settings) == 0 else {
        let error = Errno(rawValue: errno)
        try? descriptor.close()
        throw LinkError(failed: "cannot set up \(path)", error)
      }
      return descriptor
    }

    private static func code(of speed: Int) -> speed_t? {
      let codes: [Int: Int] = [
        1_200: Int(B1200), 2_400: Int(B2400), 4_800: Int(B4800), 9_600: Int(B9600), 19_200: Int(B19200),
        38_400: Int(B38400), 57_600: Int(B57600), 115_200: Int(B115200), 230_400: Int(B230400),
        460_800: Int(B460800), 921_600: Int(B921600), 1_000_000: Int(B1000000), 2_000_000: Int(B2000000),
      ]
      return codes[speed].map { speed_t($0) }
    }

    private static func refusal(of path: String, _ error: Errno) -> LinkError {
      switch error {
      case .noSuchFileOrDirectory, .noSuchAddressOrDevice:
        LinkError(.noDevice, errno: error, "There is no \(path). Look in /dev for the serial line.")
      case .permissionDenied:
        LinkError(
          .noPermission, errno: error,
          "\(path) may not be opened. Run as root, or as a member of the group that has it.")
      case .resourceBusy:
        LinkError(.deviceBusy, errno: error, "Somebody else has \(path). End that first.")
      default: LinkError(failed: "cannot open \(path)", error)
      }
    }

    public var largestPacket: Int { mtu }
    public var readiness: FileDescriptor? { descriptor }
    public var roomSignal: RoomSignal { .writable }

    public mutating func receive(
      limit: Int, now: Instant, _ deliver: (RawSpan, PacketMetadata) -> Void
    ) throws(LinkError) -> Int {
      var packets = 0
      while packets < limit {
        if taken == heard {
          guard try hear() else { break }
        }
        guard let count = nextPacket() else { continue }
        counters.countReceived(count)
        packets += 1
        packet.show(count) { deliver($0, PacketMetadata()) }
      }
      return packets
    }

    /// Looks at what has come, up to the end of a packet. Its octets.
    private mutating func nextPacket() -> Int? {
      let losses = reader.losses
      defer { counters.receiveDrops &+= reader.losses &- losses }
      while taken < heard {
        let octet = line.withOctets { $0.load(fromByteOffset: taken, as: UInt8.self) }
        taken += 1
        if let count = packet.lend(body: { room in reader.take(octet, into: &room) }) { return count }
      }
      return nil
    }

    /// False: nothing has come.
    private mutating func hear() throws(LinkError) -> Bool {
      while true {
        let count = line.withOctets { read(descriptor.rawValue, $0, Self.lineCapacity) }
        if count > 0 {
          (taken, heard) = (0, count)
          return true
        }
        // A line without anybody on the other end reads as its end.
        switch count == 0 ? EIO : errno {
        case EINTR: continue
        case EAGAIN: return false
        case EIO, ENXIO, ENODEV: throw gone()
        case let error: throw LinkError(failed: "cannot read from \(name)", Errno(rawValue: error))
        }
      }
    }

    public mutating func send(
      limit: Int, now: Instant, _ fill: (inout MutableRawSpan) -> OutgoingPacket?
    ) throws(LinkError) -> SendOutcome {
      guard try drain() else { return .full }
      for _ in 0..<limit {
        guard let outgoing = departure.lend(body: { fill(&$0) }) else { return .drained }
        waiting = departure.show(outgoing.count) { packet in
          frame.lend { SLIP.write(packet, into: &$0) }
        }
        counters.countSent(outgoing.count)
        guard try drain() else {
          counters.sendStalls &+= 1
          return .full
        }
      }
      return .limit
    }

    /// False: the line has taken no more than a part of the frame.
    private mutating func drain() throws(LinkError) -> Bool {
      while written < waiting {
        let count = frame.withOctets { write(descriptor.rawValue, $0 + written, waiting - written) }
        if count > 0 {
          written += count
          continue
        }
        switch count == 0 ? EAGAIN : errno {
        case EINTR: continue
        case EAGAIN: return false
        case EIO, ENXIO, ENODEV: throw gone()
        case let error: throw LinkError(failed: "cannot write to \(name)", Errno(rawValue: error))
        }
      }
      (written, waiting) = (0, 0)
      return true
    }

    private func gone() -> LinkError {
      LinkError(
        .deviceGone, "Nobody is at the other end of \(name) any more. Open the line again when somebody is.")
    }
  }
#endif
