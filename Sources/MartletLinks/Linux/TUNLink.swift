#if os(Linux)
  import MartletStack
  import MartletTCP
  import MartletWire
  import SystemPackage

  /// A TUN device: a link to this machine's kernel, or to that of a network namespace.
  ///
  /// One packet is one `read` or `write`; the device is non-blocking, so a batch is as many of
  /// them as there are packets. Both buffers are made once. The device and everything that was
  /// set up on it disappear with this value.
  ///
  /// Invariant: it cannot be copied, so one thread at a time has it, with its descriptor and buffers.
  public struct TUNLink: Link, ~Copyable, @unchecked Sendable {
    private let device: TUNDevice
    private var port: PacketPort

    /// Makes a TUN device in the network namespace of the calling thread.
    public init(_ configuration: TUNConfiguration = TUNConfiguration()) throws(LinkError) {
      device = try TUNDevice(configuration)
      port = PacketPort(device)
    }

    /// Makes a TUN device inside a network namespace; it is used from outside.
    public init(
      _ configuration: TUNConfiguration = TUNConfiguration(), in namespace: borrowing NetworkNamespace
    ) throws(LinkError) {
      let box = try namespace.perform { () throws(LinkError) -> Handover<TUNDevice> in
        Handover(try TUNDevice(configuration))
      }
      device = try box.take()
      port = PacketPort(device)
    }

    /// What makes further queues of this device, where its configuration `hasQueues`.
    public var queues: TUNQueues? { device.queues }

    /// One more queue of a device, in the network namespace of the calling thread. The kernel sends a flow to the queue
    /// that it came from last.
    public init(_ queues: TUNQueues) throws(LinkError) {
      device = try TUNDevice(queues)
      port = PacketPort(device)
    }

    /// Likewise in a network namespace, which is the device's.
    public init(_ queues: TUNQueues, in namespace: borrowing NetworkNamespace) throws(LinkError) {
      let box = try namespace.perform { () throws(LinkError) -> Handover<TUNDevice> in
        Handover(try TUNDevice(queues))
      }
      device = try box.take()
      port = PacketPort(device)
    }

    /// The interface's name in its namespace.
    public var name: String { device.interface.name }
    public var mtu: Int { device.mtu }
    public var largestPacket: Int { port.largestPacket }
    public var offload: InterfaceConfiguration.Offload { device.offload }
    public var readiness: FileDescriptor? { device.descriptor }
    public var roomSignal: RoomSignal { .writable }
    public var counters: LinkCounters { port.counters }

    /// Gives the kernel a further address on the device; it goes with the device.
    public func addKernelAddress(_ prefix: IPPrefix) throws(LinkError) {
      try device.interface.add(prefix)
    }

    public mutating func receive(
      limit: Int, now: Instant, _ deliver: (RawSpan, PacketMetadata) -> Void
    ) throws(LinkError) -> Int {
      try port.receive(limit: limit, deliver)
    }

    public mutating func send(
      limit: Int, now: Instant, _ fill: (inout MutableRawSpan) -> OutgoingPacket?
    ) throws(LinkError) -> SendOutcome {
      try port.send(limit: limit, fill)
    }
  }
#endif
