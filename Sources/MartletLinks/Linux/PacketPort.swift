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
    /// A `VirtioHeader` stands before each packet.
    private let hasHeaders: Bool
    /// Packets are Ethernet frames.
    private let carriesFrames: Bool
    private let arrival = PacketBuffer(capacity: frameCapacity)
    private var departure = PacketBuffer(capacity: frameCapacity)
    /// The length of a packet in `departure` that the device had no room for; 0: none.
    private var waiting = 0
    private(set) var counters = LinkCounters()

    init(
      _ descriptor: FileDescriptor, name: String, what: String, isSocket: Bool = false,
      hasHeaders: Bool = false,
      carriesFrames: Bool = true
    ) {
      self.descriptor = descriptor.rawValue
      self.name = name
      self.what = what
      self.isSocket = isSocket
      self.hasHeaders = hasHeaders
      self.carriesFrames = carriesFrames
    }

    init(_ device: borrowing TUNDevice) {
      let kind = device.carriesFrames ? "TAP" : "TUN"
      self.init(
        device.descriptor, name: device.interface.name, what: "The \(kind) device \(device.interface.name)",
        hasHeaders: device.hasHeaders, carriesFrames: device.carriesFrames)
    }

    private var headerCount: Int { hasHeaders ? VirtioHeader.encodedCount : 0 }

    var largestPacket: Int { departure.capacity - headerCount }

    mutating func receive(
      limit: Int, _ deliver: (RawSpan, PacketMetadata) -> Void
    ) throws(LinkError) -> Int {
      var taken = 0
      while taken < limit {
        var metadata = PacketMetadata()
        var start = 0
        let count = isSocket ? takeFrame(&start, &metadata) : takePacket()
        if count > 0 {
          taken += 1
          if hasHeaders {
            show(count, deliver)
          } else {
            counters.countReceived(count)
            arrival.show(start + count) { deliver($0.extracting(start..<(start + count)), metadata) }
          }
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

    /// A packet of which its first octets say more. One whose header lies is nobody's.
    private mutating func show(_ count: Int, _ deliver: (RawSpan, PacketMetadata) -> Void) {
      let start = headerCount
      let isGood = arrival.show(count) { octets in
        guard count > start, let header = VirtioHeader(parsing: octets) else { return false }
        let packet = octets.extracting(start..<count)
        guard let metadata = header.metadata(of: packet, ipAt: packet.ipStart(inFrame: carriesFrames)) else {
          return false
        }
        deliver(packet, metadata)
        return true
      }
      if isGood { counters.countReceived(count - start) } else { counters.receiveDrops &+= 1 }
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
        guard let count = next(fill) else { return .drained }
        guard try write(count) else {
          waiting = count
          counters.sendStalls &+= 1
          return .full
        }
        sent += 1
      }
      return .limit
    }

    /// Fills `departure` with the next packet, and what the device has to know of it. Its octets; nil: there is none.
    private mutating func next(_ fill: (inout MutableRawSpan) -> OutgoingPacket?) -> Int? {
      let start = headerCount
      guard start > 0 else { return departure.lend { fill(&$0)?.count } }
      let carriesFrames = carriesFrames
      return departure.lend { octets in
        var header: VirtioHeader
        var count: Int
        do {
          var room = octets._mutatingExtracting(start..<octets.byteCount)
          guard let packet = fill(&room) else { return nil }
          count = packet.count
          let written = room.bytes.extracting(first: count)
          header = VirtioHeader(packet.metadata, of: written, ipAt: written.ipStart(inFrame: carriesFrames))
        }
        header.write(into: &octets)
        return start + count
      }
    }

    /// Writes the first `count` octets of `departure`; false when the device has no room.
    private mutating func write(_ count: Int) throws(LinkError) -> Bool {
      precondition(count > 0 && count <= departure.capacity, "a packet longer than its buffer")
      let fd = descriptor
      while true {
        let written = departure.withOctets { Glibc.write(fd, $0, count) }
        if written >= 0 {
          counters.countSent(count - headerCount)
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

  extension RawSpan {
    /// Where IP begins: in a frame behind the link's header, and the tag of a VLAN if there is one.
    fileprivate func ipStart(inFrame isFrame: Bool) -> Int {
      guard isFrame else { return 0 }
      let isTagged = byteCount >= 14 && EtherType(rawValue: be16(12)) == .vlan
      return EthernetHeader.encodedCount + (isTagged ? VLANTag.encodedCount : 0)
    }
  }

  /// The largest packet, an Ethernet header with a tag, and room to put that tag back.
  private let frameCapacity = largePacketCapacity + 18 + Int(MARTLET_PACKET_HEADROOM)
#endif
