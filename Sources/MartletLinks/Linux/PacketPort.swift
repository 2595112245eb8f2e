#if os(Linux)
  import CMartletSystem
  import MartletStack
  import MartletWire
  import SystemPackage

  #if canImport(Glibc)
    import Glibc
  #elseif canImport(Musl)
    import Musl
  #endif

  /// A non-blocking descriptor of which one `read` or `write` is one packet, with a buffer for each way, made once.
  /// It does not own the descriptor.
  struct PacketPort: ~Copyable {
    private let descriptor: Int32
    private let name: String
    /// "The TUN device tun0".
    private let what: String
    /// The descriptor is a packet socket, which knows more of a frame than its octets.
    private let isSocket: Bool
    private let arrival = PacketBuffer(capacity: frameCapacity)
    private var departure = PacketBuffer(capacity: frameCapacity)
    /// The length of a packet in `departure` that the device had no room for; 0: none.
    private var waiting = 0
    private(set) var counters = LinkCounters()

    init(_ descriptor: FileDescriptor, name: String, what: String, isSocket: Bool = false) {
      self.descriptor = descriptor.rawValue
      self.name = name
      self.what = what
      self.isSocket = isSocket
    }

    init(_ device: borrowing TUNDevice, kind: String = "TUN") {
      self.init(
        device.descriptor, name: device.interface.name, what: "The \(kind) device \(device.interface.name)")
    }

    var largestPacket: Int { departure.capacity }

    mutating func receive(
      limit: Int, _ deliver: (RawSpan, PacketMetadata) -> Void
    ) throws(LinkError) -> Int {
      var taken = 0
      while taken < limit {
        var metadata = PacketMetadata()
        var start = 0
        let count = isSocket ? takeFrame(&start, &metadata) : takePacket()
        if count > 0 {
          counters.countReceived(count)
          arrival.show(start + count) { deliver($0.extracting(start..<(start + count)), metadata) }
          taken += 1
          continue
        }
        switch count == 0 ? EAGAIN : Int32(-count) {
        case EINTR: continue
        case EAGAIN: return taken
        // The interface went down, and may come up again.
        case ENETDOWN where isSocket: return taken
        case EBADFD, EFAULT, ENODEV, ENXIO: throw gone()
        case let error: throw LinkError(failed: "cannot read from \(name)", Errno(rawValue: error))
        }
      }
      return taken
    }

    private func takePacket() -> Int {
      let fd = descriptor
      let count = arrival.withOctets { read(fd, $0, frameCapacity) }
      return count < 0 ? -Int(errno) : count
    }

    private func takeFrame(_ start: inout Int, _ metadata: inout PacketMetadata) -> Int {
      let fd = descriptor
      var frame = martlet_frame()
      let count = arrival.withOctets {
        martlet_packet_receive(fd, $0.assumingMemoryBound(to: UInt8.self), frameCapacity, &frame)
      }
      start = Int(frame.start)
      if frame.is_verified != 0 { metadata.checksum = .verified }
      return count
    }

    mutating func send(
      limit: Int, _ fill: (inout MutableRawSpan) -> OutgoingPacket?
    ) throws(LinkError) -> SendOutcome {
      if waiting > 0 {
        guard try write(waiting) else { return .full }
        waiting = 0
      }
      var sent = 0
      while sent < limit {
        guard let packet = departure.lend(body: { fill(&$0) }) else { return .drained }
        guard try write(packet.count) else {
          waiting = packet.count
          counters.sendStalls &+= 1
          return .full
        }
        sent += 1
      }
      return .limit
    }

    /// Writes the first `count` octets of `departure`; false when the device has no room.
    private mutating func write(_ count: Int) throws(LinkError) -> Bool {
      precondition(count > 0 && count <= departure.capacity, "a packet longer than its buffer")
      let fd = descriptor
      while true {
        let written = departure.withOctets { Glibc.write(fd, $0, count) }
        if written >= 0 {
          counters.countSent(count)
          return true
        }
        switch errno {
        case EINTR: continue
        case EAGAIN: return false
        case EBADFD, ENODEV, ENXIO: throw gone()
        default:  // EIO, ENETDOWN: the interface is down; ENOBUFS, ENOMEM. A network may lose packets.
          counters.sendDrops &+= 1
          return true
        }
      }
    }

    private func gone() -> LinkError {
      LinkError(
        .deviceGone, errno: Errno(rawValue: EBADFD), "\(what) was deleted. Make it anew by starting again.")
    }
  }

  /// The largest packet, an Ethernet header with a tag, and room to put that tag back.
  private let frameCapacity = largePacketCapacity + 18 + Int(MARTLET_PACKET_HEADROOM)
#endif
