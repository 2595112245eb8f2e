#if os(Linux)
  import CMartletSystem
  import MartletStack
  import MartletTCP
  import MartletWire
  import SystemPackage

  #if canImport(Glibc)
    import Glibc
  #elseif canImport(Musl)
    import Musl
  #endif

  /// A place of our own on the Ethernet of an interface that the kernel has, beside the kernel: an AF_PACKET socket.
  ///
  /// The stack has a hardware address that is not the kernel's, and only frames to it and to groups come here. Neither
  /// hears what the other sends. The socket disappears with this value, and the interface is as it was.
  ///
  /// Invariant: it cannot be copied, so one thread at a time has it, with its descriptor and buffers.
  public struct PacketLink: Link, ~Copyable, @unchecked Sendable {
    private let socket: PacketSocket
    private var port: PacketPort
    private var ring: PacketRing?
    private var slots: PacketSlots?
    private let ethernet: EthernetMedium
    /// While the interface is down it is looked for, now and then.
    private let timer: LinkTimer
    /// When to ask next what there was no room for.
    private var nextCount = Instant.origin

    /// Joins the Ethernet of an interface of the calling thread's network namespace.
    ///
    /// - Parameters:
    ///   - offload: what the kernel is to do for us where it can: what the interface cannot do it does itself. Off
    ///     unless asked for: whoever uses the link without a stack must heed the metadata of packets.
    ///   - hasQueues: it is the first of several links that share what arrives (`queues`).
    ///   - hasRing: the kernel wakes us for blocks of frames (TPACKET_V3) and not for each. It costs least, but frames are seen up to
    ///     a millisecond later.
    public init(
      interface: String, ethernet: EthernetMedium, offload: InterfaceConfiguration.Offload = [],
      hasQueues: Bool = false, hasRing: Bool = false
    ) throws(LinkError) {
      try self.init(
        try PacketSocket(interface, ethernet.hardwareAddress, offload, hasQueues ? .first : .none, hasRing),
        ethernet)
    }

    /// Joins the Ethernet of an interface of a network namespace; it is used from outside.
    public init(
      interface: String, ethernet: EthernetMedium, offload: InterfaceConfiguration.Offload = [],
      hasQueues: Bool = false, hasRing: Bool = false, in namespace: borrowing NetworkNamespace
    ) throws(LinkError) {
      let hardware = ethernet.hardwareAddress
      let box = try namespace.perform { () throws(LinkError) -> Handover<PacketSocket> in
        Handover(try PacketSocket(interface, hardware, offload, hasQueues ? .first : .none, hasRing))
      }
      try self.init(try box.take(), ethernet)
    }

    /// One more of those that share what arrives, in the network namespace of the calling thread. The kernel divides by a hash
    /// of addresses and ports.
    public init(_ queues: PacketQueues) throws(LinkError) {
      try self.init(try PacketSocket(queues), queues.ethernet)
    }

    /// Likewise in a network namespace, which is the first's.
    public init(_ queues: PacketQueues, in namespace: borrowing NetworkNamespace) throws(LinkError) {
      let box = try namespace.perform { () throws(LinkError) -> Handover<PacketSocket> in
        Handover(try PacketSocket(queues))
      }
      try self.init(try box.take(), queues.ethernet)
    }

    private init(_ joined: consuming PacketSocket, _ ethernet: EthernetMedium) throws(LinkError) {
      let timer = try LinkTimer()
      var socket = joined
      port = socket.port
      ring = socket.takeRing()
      slots = socket.takeSlots()
      self.socket = socket
      self.ethernet = ethernet
      self.timer = timer
    }

    /// What makes further links that share what arrives, where this one `hasQueues`.
    public var queues: PacketQueues? {
      socket.group.map {
        PacketQueues(
          name: socket.name, ethernet: ethernet, offload: socket.offload, group: $0, hasRing: socket.hasRing)
      }
    }

    public var name: String { socket.name }
    public var mtu: Int { socket.mtu }
    public var largestPacket: Int { port.largestPacket }
    public var medium: Medium { .ethernet(ethernet) }
    public var offload: InterfaceConfiguration.Offload { socket.offload }
    public var readiness: FileDescriptor? { port.isDown ? timer.descriptor : socket.descriptor }
    public var roomSignal: RoomSignal { .writable }
    public var counters: LinkCounters { port.counters }

    public mutating func receive(
      limit: Int, now: Instant, _ deliver: (RawSpan, PacketMetadata) -> Void
    ) throws(LinkError) -> Int {
      let taken = try take(limit, deliver)
      if now >= nextCount {
        nextCount = now.advanced(by: .seconds(1))
        port.countMissed()
      }
      if port.isDown {
        try port.lookForInterface()
        timer.set(port.isDown ? Self.pause : 0)
      }
      return taken
    }

    private mutating func take(
      _ limit: Int, _ deliver: (RawSpan, PacketMetadata) -> Void
    ) throws(LinkError) -> Int {
      if let taken = try ring?.receive(limit: limit, by: &port, deliver) { return taken }
      if let taken = try slots?.receive(limit: limit, by: &port, deliver) { return taken }
      return try port.receive(limit: limit, deliver)
    }

    public mutating func send(
      limit: Int, now: Instant, _ fill: (inout MutableRawSpan) -> OutgoingPacket?
    ) throws(LinkError) -> SendOutcome {
      let wasDown = port.isDown
      let outcome = try port.send(limit: limit, fill)
      if port.isDown, !wasDown { timer.set(Self.pause) }
      return outcome
    }

    /// Between two looks at an interface that is down.
    private static var pause: Int64 { TimeAmount.milliseconds(100).nanoseconds }
  }

  /// What another link has to know to share what arrives on an interface (packet fanout).
  public struct PacketQueues: Sendable {
    /// The interface's.
    public let name: String
    let ethernet: EthernetMedium
    let offload: InterfaceConfiguration.Offload
    let group: Int32
    let hasRing: Bool
  }

  /// A socket among several.
  enum PacketShare: Equatable {
    case none
    case first
    case of(Int32)

    var group: Int32 {
      switch self {
      case .none: Int32(MARTLET_PACKET_ALONE)
      // It has no number yet.
      case .first: -1
      case .of(let group): group
      }
    }
  }

  /// The socket, closed at its end.
  struct PacketSocket: ~Copyable {
    let name: String
    let mtu: Int
    let descriptor: FileDescriptor
    let offload: InterfaceConfiguration.Offload
    /// Of those that share what arrives; nil: it is alone.
    let group: Int32?
    let hasRing: Bool
    private var ring: PacketRing?
    private var slots: PacketSlots?

    init(_ queues: PacketQueues) throws(LinkError) {
      try self.init(
        queues.name, queues.ethernet.hardwareAddress, queues.offload, .of(queues.group), queues.hasRing)
    }

    init(
      _ name: String, _ hardware: MACAddress, _ wanted: InterfaceConfiguration.Offload, _ share: PacketShare,
      _ hasRing: Bool
    ) throws(LinkError) {
      guard KernelInterface.exists(name) else {
        throw LinkError(
          .noDevice, "There is no interface \(name) here. \"ip link\" lists them; --netns chooses where.")
      }
      let interface = try KernelInterface(existing: name)
      guard interface.isUp else {
        throw LinkError(
          .interfaceDown, errno: .init(rawValue: ENETDOWN),
          "The interface \(name) is down. Bring it up: \"ip link set \(name) up\".")
      }
      let octets = (0..<6).map { UInt8(truncatingIfNeeded: hardware.bits >> (40 - 8 * $0)) }
      let offload = Self.possible(wanted)
      var group = share.group
      let hasHeaders = !offload.isEmpty
      var ring =
        hasRing
        ? PacketRing.terms : PacketSlots.terms(mtu: interface.mtu, hasHeaders: hasHeaders) ?? martlet_ring()
      var fd = martlet_packet_open(interface.index, octets, hasHeaders ? 1 : 0, &group, &ring)
      if fd < 0, ring.slot_size > 0 {
        // There may be no memory for slots, or a system that has packet sockets but no rings. It is only dearer without.
        ring = martlet_ring()
        group = share.group
        fd = martlet_packet_open(interface.index, octets, hasHeaders ? 1 : 0, &group, &ring)
      }
      guard fd >= 0 else { throw Self.refusal(name, Errno(rawValue: -fd)) }
      self.name = name
      mtu = interface.mtu
      descriptor = FileDescriptor(rawValue: fd)
      self.offload = offload
      self.group = share == .none ? nil : group
      self.hasRing = hasRing
      self.ring = hasRing ? PacketRing(ring, hasHeaders: hasHeaders) : nil
      slots = ring.slot_size > 0 ? PacketSlots(ring) : nil
    }

    mutating func takeRing() -> PacketRing? { ring.take() }
    mutating func takeSlots() -> PacketSlots? { slots.take() }

    var port: PacketPort {
      PacketPort(
        descriptor, name: name, what: "The interface \(name)",
        framing: .packetSocket(hasHeaders: !offload.isEmpty))
    }

    /// Nothing is cut whose sums nobody completes; and kernels before 6.2 know no trains, which nobody can ask them.
    private static func possible(
      _ wanted: InterfaceConfiguration.Offload
    ) -> InterfaceConfiguration.Offload {
      guard wanted.contains(.checksum) else { return [] }
      return martlet_kernel_is(6, 2) != 0 ? wanted : wanted.subtracting(.datagramSegmentation)
    }

    deinit { try? descriptor.close() }

    private static func refusal(_ name: String, _ errno: Errno) -> LinkError {
      switch errno {
      case .notPermitted, .permissionDenied:
        LinkError(
          .noPermission, errno: errno,
          "No permission to join the Ethernet of \(name). Run as root, or give the program CAP_NET_RAW "
            + "(\"setcap cap_net_raw+ep PROGRAM\").")
      case .addressFamilyNotSupported:
        LinkError(
          .unsupported, errno: errno,
          "This kernel has no packet sockets. Load them with \"modprobe af_packet\", or use --tap.")
      case Errno(rawValue: ENOPROTOOPT):
        LinkError(
          .unsupported, errno: errno, "This kernel is too old: packet sockets need Linux 4.20. Use --tap.")
      default: LinkError(failed: "cannot join the Ethernet of \(name)", errno)
      }
    }
  }
#endif
