import MartletStack
import MartletWire
import SystemPackage

#if os(Linux)
  import CMartletSystem
#endif

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A non-blocking descriptor of which one `read` or `write` is one packet, with a buffer for each way, made once.
/// It does not own the descriptor.
package struct PacketPort: ~Copyable {
  private let descriptor: Int32
  private let name: String
  /// "The TUN device tun0".
  private let what: String
  private let shape: PacketShape
  private let arrival = PacketBuffer(capacity: frameCapacity)
  private var departure = PacketBuffer(capacity: frameCapacity)
  /// The length of a packet in `departure` that the device had no room for; 0: none.
  private var waiting = 0
  package private(set) var counters = LinkCounters()
  /// Nothing was read, and the other end writes no more.
  private var wasAtEnd = false
  /// The interface of a packet socket went down. Nothing tells when it comes up again, or that it has gone for good.
  private(set) var isDown = false

  package init(
    _ descriptor: FileDescriptor, name: String, what: String, framing: PacketFraming,
    carriesFrames: Bool = true
  ) {
    self.descriptor = descriptor.rawValue
    self.name = name
    self.what = what
    shape = PacketShape(framing: framing, carriesFrames: carriesFrames)
  }

  private var framing: PacketFraming { shape.framing }
  private var headerCount: Int { shape.headerCount }

  var largestPacket: Int { departure.capacity - headerCount }

  package mutating func receive(
    limit: Int, _ deliver: (RawSpan, PacketMetadata) -> Void
  ) throws(LinkError) -> Int {
    var taken = 0
    while taken < limit {
      var metadata = PacketMetadata()
      var start = 0
      let count = take(&start, &metadata)
      if count > 0 {
        taken += 1
        wasAtEnd = false
        let shape = shape
        let shown = arrival.show(start + count) {
          shape.show($0.extracting(start..<(start + count)), metadata, deliver)
        }
        note(shown)
        continue
      }
      switch Int32(-count) {
      case EINTR: continue
      case 0:
        // Nothing for ever, or a datagram of no octets, behind which more may wait.
        let isAtEnd = isHungUp
        if isAtEnd, wasAtEnd { throw gone() }
        wasAtEnd = isAtEnd
        taken += 1
        note(nil)
      case EAGAIN: return taken
      case ENETDOWN where framing.isSocket:
        isDown = true
        return taken
      // A frame for which the kernel has no header, such as large segments of SCTP.
      case EINVAL where framing.isSocket:
        taken += 1
        note(nil)
      case let error where isGone(error) || error == EFAULT: throw gone()
      case let error: throw LinkError(failed: "cannot read from \(name)", Errno(rawValue: error))
      }
    }
    return taken
  }

  /// The other end writes no more: what it wrote before may still be here.
  private var isHungUp: Bool {
    #if os(Linux)
      let isShut = Int16(0x2000)  // POLLRDHUP
    #else
      let isShut = Int16(0)
    #endif
    var entry = pollfd(fd: descriptor, events: Int16(POLLIN) | isShut, revents: 0)
    return poll(&entry, 1, 0) == 1 && entry.revents & (Int16(POLLHUP) | isShut) != 0
  }

  /// A packet that came by another way than `receive`; nil: it was cut short.
  mutating func arrive(
    _ octets: RawSpan?, _ known: PacketMetadata, _ deliver: (RawSpan, PacketMetadata) -> Void
  ) {
    guard let octets else { return note(nil) }
    note(shape.show(octets, known, deliver))
  }

  private mutating func note(_ count: Int?) {
    if let count { counters.countReceived(count) } else { counters.receiveDrops &+= 1 }
  }

  #if os(Linux)
    /// For who does not read: whether the socket has an error, which nobody would hear of.
    mutating func checkHealth() throws(LinkError) {
      var error: Int32 = 0
      var size = socklen_t(MemoryLayout<Int32>.size)
      guard getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size) == 0, error != 0 else { return }
      guard error != ENETDOWN else {
        isDown = true
        return
      }
      throw isGone(error) ? gone() : LinkError(failed: "cannot read from \(name)", Errno(rawValue: error))
    }
  #endif

  #if os(Linux)
    /// Asks the kernel what a packet socket had no room for; it tells of each once.
    mutating func countMissed() { counters.missed &+= UInt64(martlet_packet_missed(descriptor)) }
  #endif

  #if os(Linux)
    /// Looks whether the interface that went down is up again.
    mutating func lookForInterface() throws(LinkError) {
      switch martlet_packet_interface(descriptor) {
      case 0: break
      case 1:
        isDown = false
        counters.returns &+= 1
      default: throw gone()
      }
    }
  #endif

  /// Octets of the next packet in `arrival`, from `start` on; a negated errno: there is none.
  private func take(_ start: inout Int, _ metadata: inout PacketMetadata) -> Int {
    #if os(Linux)
      if framing.isSocket { return takeFrame(&start, &metadata) }
    #endif
    let fd = descriptor
    let count = arrival.withOctets { read(fd, $0, frameCapacity) }
    return count < 0 ? -Int(errno) : count
  }

  #if os(Linux)
    /// A packet socket knows more of a frame than its octets.
    private func takeFrame(_ start: inout Int, _ metadata: inout PacketMetadata) -> Int {
      let fd = descriptor
      var frame = martlet_frame()
      let count = arrival.withOctets {
        martlet_packet_receive(
          fd, $0.assumingMemoryBound(to: UInt8.self), frameCapacity, headerCount > 0 ? 1 : 0, &frame)
      }
      start = Int(frame.start)
      if frame.is_verified != 0 { metadata.checksum = .verified }
      return count
    }
  #endif

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
    let (framing, carriesFrames) = (framing, shape.carriesFrames)
    return departure.lend { octets in
      var header = VirtioHeader()
      var family = AddressFamilyHeader(isIPv4: true)
      var count: Int
      do {
        var room = octets._mutatingExtracting(start..<octets.byteCount)
        guard let packet = fill(&room) else { return nil }
        count = packet.count
        let written = room.bytes.extracting(first: count)
        if framing != .family {
          header = VirtioHeader(packet.metadata, of: written, ipAt: written.ipStart(inFrame: carriesFrames))
        } else {
          family = AddressFamilyHeader(isIPv4: count > 0 && written.u8(0) >> 4 == 4)
        }
      }
      if framing != .family { header.write(into: &octets) } else { family.write(into: &octets) }
      return start + count
    }
  }

  /// Writes the first `count` octets of `departure`; false when the device has no room.
  private mutating func write(_ count: Int) throws(LinkError) -> Bool {
    precondition(count > 0 && count <= departure.capacity, "a packet longer than its buffer")
    let fd = descriptor
    while true {
      let written = departure.withOctets { put(fd, $0, count) }
      if written >= 0 {
        counters.countSent(count - headerCount)
        return true
      }
      switch errno {
      case EINTR: continue
      case EAGAIN: return false
      case let error where isGone(error): throw gone()
      // Whoever reads would not hear of it any more.
      case ENETDOWN where framing.isSocket:
        isDown = true
        counters.sendDrops &+= 1
        return true
      default:  // EIO, ENETDOWN: the interface is down; ENOBUFS, ENOMEM. A network may lose packets.
        counters.sendDrops &+= 1
        return true
      }
    }
  }

  private func gone() -> LinkError {
    LinkError(
      .deviceGone, errno: Errno(rawValue: ENXIO), "\(what) is gone. Make it anew by starting again.")
  }
}

/// What stands around a packet in what a descriptor gives and takes.
package enum PacketFraming: Equatable {
  /// Nothing.
  case bare
  /// A `VirtioHeader` before it.
  case virtio
  /// An `AddressFamilyHeader` before it.
  case family
  /// A packet socket tells more beside it, and may have a `VirtioHeader` before it.
  case packetSocket(hasHeaders: Bool)

  var isSocket: Bool { self == .packetSocket(hasHeaders: true) || self == .packetSocket(hasHeaders: false) }
}

/// How the octets of a descriptor are to be read.
private struct PacketShape {
  let framing: PacketFraming
  /// Packets are Ethernet frames.
  let carriesFrames: Bool

  var headerCount: Int {
    switch framing {
    case .bare, .packetSocket(hasHeaders: false): 0
    case .virtio, .packetSocket(hasHeaders: true): VirtioHeader.encodedCount
    case .family: AddressFamilyHeader.encodedCount
    }
  }

  /// A packet of which the first octets may say more. Its own octets; nil: its header lies, and it is nobody's.
  ///
  /// - Parameter known: what is known of it besides.
  func show(
    _ octets: RawSpan, _ known: PacketMetadata, _ deliver: (RawSpan, PacketMetadata) -> Void
  ) -> Int? {
    let before = headerCount
    guard octets.byteCount > before else { return nil }
    let packet = octets.extracting(before..<octets.byteCount)
    var metadata = known
    if before > 0, framing != .family {
      guard let header = VirtioHeader(parsing: octets),
        let said = header.metadata(of: packet, ipAt: packet.ipStart(inFrame: carriesFrames))
      else { return nil }
      metadata = said
      if metadata.checksum == .unverified { metadata.checksum = known.checksum }
    }
    deliver(packet, metadata)
    return packet.byteCount
  }
}

/// What utun devices of Apple's systems have before each packet: its family, as the system numbers them, in four octets.
struct AddressFamilyHeader {
  static var encodedCount: Int { 4 }
  private let family: UInt32

  init(isIPv4: Bool) { family = UInt32(isIPv4 ? AF_INET : AF_INET6) }

  func write(into octets: inout MutableRawSpan) {
    octets.storeBytes(of: family.bigEndian, toByteOffset: 0, as: UInt32.self)
  }
}

/// Whatever is at the other end is there no more.
private func isGone(_ error: Int32) -> Bool {
  #if os(Linux)
    if error == EBADFD { return true }
  #endif
  return [ENODEV, ENXIO, ECONNREFUSED, ECONNRESET, ENOTCONN, EPIPE].contains(error)
}

/// `write`, which a method of that name hides.
private func put(_ fd: Int32, _ octets: UnsafeMutableRawPointer, _ count: Int) -> Int {
  write(fd, octets, count)
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
private let frameCapacity = largePacketCapacity + 18 + 4
