#if os(Linux)
  import MartletLinks
  import MartletStack
  import MartletTCP
  import SystemPackage

  /// What makes further queues of a device.
  enum CommandQueues {
    case device(TUNQueues)
    case packet(PacketQueues)
  }

  /// The device of a command, of whatever kind: exactly one of the four is there.
  struct CommandDevice: Link, ~Copyable, Sendable {
    private var tunnel: TUNLink?
    private var tap: TAPLink?
    private var packet: PacketLink?
    private var serial: SerialLink?

    let name: String
    let mtu: Int
    let largestPacket: Int
    let medium: Medium
    let offload: InterfaceConfiguration.Offload
    /// Of a device that has several.
    let queues: CommandQueues?

    init(
      _ configuration: TUNConfiguration, _ options: DeviceOptions, _ ethernet: EthernetMedium
    ) throws(LinkError) {
      let hasQueues = configuration.hasQueues
      if let path = options.serial {
        let link = try SerialLink(path: path, speed: options.speed, mtu: configuration.mtu)
        (name, mtu, largestPacket) = (link.name, link.mtu, link.largestPacket)
        (medium, offload) = (link.medium, link.offload)
        queues = nil
        serial = consume link
      } else if let interface = options.packet {
        let link = try Self.join(
          interface, ethernet, configuration.offload, hasQueues, options.ring, options.netns)
        (name, mtu, largestPacket) = (link.name, link.mtu, link.largestPacket)
        (medium, offload) = (link.medium, link.offload)
        queues = link.queues.map { .packet($0) }
        packet = consume link
      } else if options.tap != nil {
        let link = try Self.tap(configuration, ethernet, options.netns)
        (name, mtu, largestPacket) = (link.name, link.mtu, link.largestPacket)
        (medium, offload) = (link.medium, link.offload)
        queues = link.queues.map { .device($0) }
        tap = consume link
      } else {
        let link = try Self.tunnel(configuration, options.netns)
        (name, mtu, largestPacket) = (link.name, link.mtu, link.largestPacket)
        (medium, offload) = (link.medium, link.offload)
        queues = link.queues.map { .device($0) }
        tunnel = consume link
      }
    }

    /// One more queue of a device that has several.
    init(_ queues: CommandQueues, _ medium: Medium, _ netns: String?) throws(LinkError) {
      self.queues = queues
      switch (queues, medium) {
      case (.packet(let queues), _):
        let link = try Self.queue(queues, netns)
        (name, mtu, largestPacket) = (link.name, link.mtu, link.largestPacket)
        (self.medium, offload) = (link.medium, link.offload)
        packet = consume link
      case (.device(let queues), .ethernet(let ethernet)):
        let link = try Self.queue(queues, ethernet, netns)
        (name, mtu, largestPacket) = (link.name, link.mtu, link.largestPacket)
        (self.medium, offload) = (link.medium, link.offload)
        tap = consume link
      case (.device(let queues), _):
        let link = try Self.queue(queues, netns)
        (name, mtu, largestPacket) = (link.name, link.mtu, link.largestPacket)
        (self.medium, offload) = (link.medium, link.offload)
        tunnel = consume link
      }
    }

    private static func join(
      _ interface: String, _ ethernet: EthernetMedium, _ offload: InterfaceConfiguration.Offload,
      _ hasQueues: Bool, _ hasRing: Bool, _ netns: String?
    ) throws(LinkError) -> PacketLink {
      guard let netns else {
        return try PacketLink(
          interface: interface, ethernet: ethernet, offload: offload, hasQueues: hasQueues, hasRing: hasRing)
      }
      let namespace = try NetworkNamespace(opening: netns)
      return try PacketLink(
        interface: interface, ethernet: ethernet, offload: offload, hasQueues: hasQueues, hasRing: hasRing,
        in: namespace)
    }

    private static func queue(_ queues: PacketQueues, _ netns: String?) throws(LinkError) -> PacketLink {
      guard let netns else { return try PacketLink(queues) }
      let namespace = try NetworkNamespace(opening: netns)
      return try PacketLink(queues, in: namespace)
    }

    private static func queue(
      _ queues: TUNQueues, _ ethernet: EthernetMedium, _ netns: String?
    ) throws(LinkError) -> TAPLink {
      guard let netns else { return try TAPLink(queues, ethernet: ethernet) }
      let namespace = try NetworkNamespace(opening: netns)
      return try TAPLink(queues, ethernet: ethernet, in: namespace)
    }

    private static func tap(
      _ configuration: TUNConfiguration, _ ethernet: EthernetMedium, _ netns: String?
    ) throws(LinkError) -> TAPLink {
      guard let netns else { return try TAPLink(configuration, ethernet: ethernet) }
      let namespace = try NetworkNamespace(opening: netns)
      return try TAPLink(configuration, ethernet: ethernet, in: namespace)
    }

    private static func tunnel(_ configuration: TUNConfiguration, _ netns: String?) throws(LinkError)
      -> TUNLink
    {
      guard let netns else { return try TUNLink(configuration) }
      let namespace = try NetworkNamespace(opening: netns)
      return try TUNLink(configuration, in: namespace)
    }

    private static func queue(_ queues: TUNQueues, _ netns: String?) throws(LinkError) -> TUNLink {
      guard let netns else { return try TUNLink(queues) }
      let namespace = try NetworkNamespace(opening: netns)
      return try TUNLink(queues, in: namespace)
    }

    var roomSignal: RoomSignal { .writable }

    /// A packet socket's changes while its interface is down.
    var readiness: FileDescriptor? {
      switch tunnel {
      case .some(let link): return link.readiness
      case .none: break
      }
      switch tap {
      case .some(let link): return link.readiness
      case .none: break
      }
      switch packet {
      case .some(let link): return link.readiness
      case .none: break
      }
      switch serial {
      case .some(let link): return link.readiness
      case .none: return nil
      }
    }

    var counters: LinkCounters {
      switch tunnel {
      case .some(let link): return link.counters
      case .none: break
      }
      switch tap {
      case .some(let link): return link.counters
      case .none: break
      }
      switch packet {
      case .some(let link): return link.counters
      case .none: break
      }
      switch serial {
      case .some(let link): return link.counters
      case .none: return LinkCounters()
      }
    }

    mutating func receive(
      limit: Int, now: Instant, _ deliver: (RawSpan, PacketMetadata) -> Void
    ) throws(LinkError) -> Int {
      if let count = try tunnel?.receive(limit: limit, now: now, deliver) { return count }
      if let count = try tap?.receive(limit: limit, now: now, deliver) { return count }
      if let count = try packet?.receive(limit: limit, now: now, deliver) { return count }
      return try serial?.receive(limit: limit, now: now, deliver) ?? 0
    }

    mutating func send(
      limit: Int, now: Instant, _ fill: (inout MutableRawSpan) -> OutgoingPacket?
    ) throws(LinkError) -> SendOutcome {
      if let outcome = try tunnel?.send(limit: limit, now: now, fill) { return outcome }
      if let outcome = try tap?.send(limit: limit, now: now, fill) { return outcome }
      if let outcome = try packet?.send(limit: limit, now: now, fill) { return outcome }
      return try serial?.send(limit: limit, now: now, fill) ?? .drained
    }
  }
#endif
