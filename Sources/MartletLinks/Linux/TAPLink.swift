#if os(Linux)
  import MartletStack
  import MartletTCP
  import MartletWire
  import SystemPackage

  /// A TAP device: an Ethernet with this machine's kernel, or that of a network namespace, at its other end.
  ///
  /// One frame is one `read` or `write`. The device and everything that was set up on it disappear with this value.
  ///
  /// Invariant: it cannot be copied, so one thread at a time has it, with its descriptor and buffers.
  public struct TAPLink: Link, ~Copyable, @unchecked Sendable {
    private let device: TUNDevice
    private var port: PacketPort
    private let ethernet: EthernetMedium

    /// Makes a TAP device in the network namespace of the calling thread. `ethernet` is the stack's place on it.
    public init(
      _ configuration: TUNConfiguration = TUNConfiguration(), ethernet: EthernetMedium
    ) throws(LinkError) {
      device = try TUNDevice(configuration, carriesFrames: true)
      port = PacketPort(device)
      self.ethernet = ethernet
    }

    /// Makes a TAP device inside a network namespace; it is used from outside.
    public init(
      _ configuration: TUNConfiguration = TUNConfiguration(), ethernet: EthernetMedium,
      in namespace: borrowing NetworkNamespace
    ) throws(LinkError) {
      let box = try namespace.perform { () throws(LinkError) -> Handover<TUNDevice> in
        Handover(try TUNDevice(configuration, carriesFrames: true))
      }
      device = try box.take()
      port = PacketPort(device)
      self.ethernet = ethernet
    }

    /// What makes further queues of this device, where its configuration `hasQueues`.
    public var queues: TUNQueues? { device.queues }

    /// One more queue of a device, in the network namespace of the calling thread.
    public init(_ queues: TUNQueues, ethernet: EthernetMedium) throws(LinkError) {
      device = try TUNDevice(queues)
      port = PacketPort(device)
      self.ethernet = ethernet
    }

    /// Likewise in a network namespace, which is the device's.
    public init(
      _ queues: TUNQueues, ethernet: EthernetMedium, in namespace: borrowing NetworkNamespace
    ) throws(LinkError) {
      let box = try namespace.perform { () throws(LinkError) -> Handover<TUNDevice> in
        Handover(try TUNDevice(queues))
      }
      device = try box.take()
      port = PacketPort(device)
      self.ethernet = ethernet
    }

    /// The interface's name in its namespace.
    public var name: String { device.interface.name }
    public var mtu: Int { device.mtu }
    public var largestPacket: Int { port.largestPacket }
    public var medium: Medium { .ethernet(ethernet) }
    public var offload: InterfaceConfiguration.Offload { device.offload }
    public var readiness: FileDescriptor? { device.descriptor }
    public var roomSignal: RoomSignal { .writable }
    public var counters: LinkCounters { port.counters }

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
