import MartletTCP
import MartletWire

extension NetworkStack {
  /// RFC 1122 §3.2.1 and §3.2.2: validate, then deliver or drop. Nothing is forwarded.
  ///
  /// A TCP segment goes from here to the record of its flow in one function, because each packet of a flood does: each
  /// call on the way costs as much as a check of its header.
  mutating func ipv4Arrives(_ bytes: RawSpan, _ metadata: PacketMetadata, on interface: InterfaceID) {
    guard let packet = IPv4HeaderView(validating: bytes) else { return counts.drop(.badIPHeader) }
    guard packet.isChecksumValid else { return counts.drop(.badIPChecksum) }
    let (source, destination) = (packet.source, packet.destination)
    // What nearly every packet is. Whatever else there is takes longer.
    if !packet.isWhole(.tcp) || metadata.isGroupFrame || !source.isValidSource || destination.isLoopback
      || !routing.isPlain(from: source, to: destination)
    {
      guard isSegment(bytes, metadata, on: interface) else { return }
    }
    guard let view = TCPHeaderView(validating: packet.payload) else { return counts.drop(.badTCPHeader) }
    guard metadata.isVerified || view.isChecksumValid(source: source, destination: destination) else {
      return counts.drop(.badTCPChecksum)
    }
    let key = IPv4FlowKey(
      local: destination.bits, remote: source.bits, localPort: view.destinationPort,
      remotePort: view.sourcePort)
    let hash = key.hashInPlace(secrets.flowTable)
    var search = flows4.table.search(hash)
    let entry = find(key, &search)
    if entry == nil, !source.isLinkLocal, isDealtWithShortly(view, key, hash, search, packet.ecn) { return }
    let seg = Segment(view, segmentSize: metadata.segmentSize, packet.ecn)
    if let entry, entry.phase == .connection,
      !source.isLinkLocal || connections[entry.index].interface == interface.rawValue
    {
      return connectionArrives(entry.index, seg, text: view.text)
    }
    var flow = key.flow
    if source.isLinkLocal { flow.zone = interface.zone }
    if entry?.phase == .connection { return twinArrives(seg, flow) }
    segmentArrives(
      seg, flow, hash, entry.map { FlowReference(entry: $0, isIPv4: true) }, text: view.text)
  }

  /// The sender has the link-local address of somebody on another link, who has a connection with the same ports: this
  /// host is another, and what is his is not for it (RFC 4007 §6).
  @inline(never)
  private mutating func twinArrives(_ seg: Segment, _ flow: Flow) {
    around.counters.inSegs &+= 1
    counts.drop(.noConnection)
    reset(seg, flow)
  }

  /// True: it is a TCP segment for us after all. Else it has been dealt with.
  @inline(never)
  private mutating func isSegment(
    _ bytes: RawSpan, _ metadata: PacketMetadata, on interface: InterfaceID
  ) -> Bool {
    // Read again: a view that is handed on has to be kept in memory for each packet that comes.
    guard let packet = IPv4HeaderView(validating: bytes) else { return false }
    if let reason = refusal(of: packet, metadata, on: interface) {
      counts.drop(reason)
      return false
    }
    let (source, destination) = (packet.source, packet.destination)
    let isUnicast = routing.standing(of: source, destination).destinationIsOurs || destination.isLoopback
    if packet.isFragment {
      // Queriers have no need of fragments.
      guard !destination.isMulticast || groups.hasSocket(.v4(destination), on: interface) else {
        counts.drop(.multicast)
        return false
      }
      ipv4FragmentArrives(packet, isUnicast: isUnicast, on: interface)
      return false
    }
    if packet.proto == .tcp {
      // RFC 9293 MUST-57: silently.
      if !isUnicast { counts.drop(.tcpNotUnicast) }
      return isUnicast
    }
    let arrival = Arrival(
      interface: interface, source: .v4(source), destination: .v4(destination), isUnicast: isUnicast,
      isVerified: metadata.isVerified, segmentSize: metadata.segmentSize, ecn: packet.ecn,
      hops: packet.timeToLive, dscp: packet.dscp)
    deliver(packet.payload, packet.proto, arrival, packet: packet.bytes)
    return false
  }

  /// Why a packet goes no further; nil: it is for us.
  private mutating func refusal(
    of packet: borrowing IPv4HeaderView, _ metadata: PacketMetadata, on interface: InterfaceID
  ) -> DropReason? {
    // All other options are passed over (RFC 9293 MUST-50).
    if packet.hasOptions, packet.hasSourceRoute { return .sourceRoute }
    let (source, destination) = (packet.source, packet.destination)
    // Martians go before any lookup (RFC 9293 MUST-63; robustness rule O9).
    let standing = routing.standing(of: source, destination)
    if interface == routing.loopback {
      return standing.destinationIsOurs || destination.isLoopback ? nil : .notOurs
    }
    // RFC 4541 §2.1.1: a switch that asks for groups may have no address.
    if !source.isUnspecified || packet.proto != .igmp {
      guard source.isValidSource, !standing.sourceIsBroadcast else { return .martianSource }
    }
    guard !destination.isThisNetwork, !destination.isLoopback else { return .martianDestination }
    let isUnicast = standing.destinationIsOurs
    if !isUnicast {
      let reason =
        destination.isMulticast
        ? refusal(ofGroup: destination, packet.proto, on: interface) : refusal(of: destination, standing)
      if let reason { return reason }
    }
    // RFC 1122 §3.3.6: whoever asks everybody on a link for something of one host wants many answers.
    if isUnicast, metadata.isGroupFrame { return .groupFrame }
    return standing.sourceIsOurs ? .ownSource : nil
  }

  /// Nil for the broadcasts that reach us (RFC 1122 §3.2.1.3).
  private mutating func refusal(of destination: IPv4Address, _ standing: PacketStanding) -> DropReason? {
    if destination.isBroadcast { return nil }
    return standing.destinationIsBroadcast ? nil : .notOurs
  }

  /// Nil for groups that sockets have joined, and for what a querier asks all hosts, or those of a group.
  private mutating func refusal(
    ofGroup group: IPv4Address, _ proto: IPProtocol, on interface: InterfaceID
  ) -> DropReason? {
    if proto == .igmp, group == .allHosts {
      let isHeard =
        interfaces[interface.index].link.isEthernet || groups.isListening(on: interface, isIPv4: true)
      return isHeard ? nil : .multicast
    }
    return groups.hasSocket(.v4(group), on: interface) ? nil : .multicast
  }
}
