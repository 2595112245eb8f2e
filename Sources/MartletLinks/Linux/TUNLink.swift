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

  /// A TUN device: a link to this machine's kernel, or to that of a network namespace.
  ///
  /// One packet is one `read` or `write`; the device is non-blocking, so a batch is as many of
  /// them as there are packets. Both buffers are made once. The device and everything that was
  /// set up on it disappear with this value.
  ///
  /// Invariant: it cannot be copied, so one thread at a time has it, with its descriptor and buffers.
  public struct TUNLink: Link, ~Copyable, @unchecked Sendable {
    private let device: TUNDevice
    private let arrival = PacketBuffer(capacity: largePacketCapacity)
    private var departure = PacketBuffer(capacity: largePacketCapacity)
    /// The length of a packet in `departure` that the device had no room for; 0: none.
    private var waiting = 0
    public private(set) var counters = LinkCounters()

    /// Makes a TUN device in the network namespace of the calling thread.
    public init(_ configuration: TUNConfiguration = TUNConfiguration()) throws(LinkError) {
      device = try TUNDevice(configuration)
    }

    /// Makes a TUN device inside a network namespace; it is used from outside.
    public init(
      _ configuration: TUNConfiguration = TUNConfiguration(), in namespace: borrowing NetworkNamespace
    ) throws(LinkError) {
      let box = try namespace.perform { () throws(LinkError) -> TUNDeviceBox in
        TUNDeviceBox(try TUNDevice(configuration))
      }
      device = try box.take()
    }

    /// The interface's name in its namespace.
    public var name: String { device.interface.name }
    public var mtu: Int { device.mtu }
    public var largestPacket: Int { departure.capacity }
    public var readiness: FileDescriptor? { device.descriptor }
    public var roomSignal: RoomSignal { .writable }

    /// Gives the kernel a further address on the device; it goes with the device.
    public func addKernelAddress(_ prefix: IPPrefix) throws(LinkError) {
      try device.interface.add(prefix)
    }

    public mutating func receive(
      limit: Int, now: Instant, _ deliver: (RawSpan, PacketMetadata) -> Void
    ) throws(LinkError) -> Int {
      let fd = device.descriptor.rawValue
      var taken = 0
      while taken < limit {
        let count = arrival.withOctets { read(fd, $0, largePacketCapacity) }
        if count > 0 {
          counters.countReceived(count)
          arrival.show(count) { deliver($0, PacketMetadata()) }
          taken += 1
          continue
        }
        switch count == 0 ? EAGAIN : errno {
        case EINTR: continue
        case EAGAIN: return taken
        case EBADFD, EFAULT: throw gone()
        case let error: throw LinkError(failed: "cannot read from \(name)", Errno(rawValue: error))
        }
      }
      return taken
    }

    public mutating func send(
      limit: Int, now: Instant, _ fill: (inout MutableRawSpan) -> OutgoingPacket?
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
      let fd = device.descriptor.rawValue
      while true {
        let written = departure.withOctets { Glibc.write(fd, $0, count) }
        if written >= 0 {
          counters.countSent(count)
          return true
        }
        switch errno {
        case EINTR: continue
        case EAGAIN: return false
        case EBADFD: throw gone()
        default:  // EIO: the interface is down; ENOBUFS, ENOMEM. A network may lose packets.
          counters.sendDrops &+= 1
          return true
        }
      }
    }

    private func gone() -> LinkError {
      LinkError(
        .deviceGone, errno: Errno(rawValue: EBADFD),
        "The TUN device \(name) was deleted. Make it anew by starting again.")
    }
  }

  /// Carries a device from the thread that made it to the one that waits for it.
  ///
  /// Invariant: filled by the thread that ends, emptied after its end.
  private final class TUNDeviceBox: @unchecked Sendable {
    private var device: TUNDevice?

    init(_ device: consuming TUNDevice) { self.device = consume device }

    func take() throws(LinkError) -> TUNDevice {
      guard let taken = device.take() else { throw LinkError(.failed, "a device was taken twice") }
      return taken
    }
  }
#endif
