import MartletStack
import MartletTCP
import MartletWire
import Testing

/// A stack with one Ethernet interface, and a test that is everybody else on it. Invariants are checked after every
/// step, on the stack and on a copy of it.
final class Station {
  var stack: NetworkStack
  let interface: InterfaceID
  let hardware = MACAddress(0x02, 0, 0, 0, 0, 0xaa)
  let address = v4(10, 0, 0, 1)
  let address6 = v6(1)
  var now = Instant(nanoseconds: 1_000_000_000)
  let vlan: UInt16?
  /// Reports of IGMP and MLD that left.
  private(set) var reports: [SeenReport] = []
  /// A flood looks at its invariants once in a while.
  var checksEachStep = true

  /// Has 10.0.0.1/24 and fd00:7::1/64.
  init(
    vlan: UInt16? = nil, checksAddresses: Bool = false, addresses: [IPPrefix]? = nil, seed: UInt64 = 7,
    autoconfigures: Bool = false, temporary: TemporaryAddresses? = nil, dhcp: DHCPConfiguration? = nil,
    secret: AddressSecret? = nil, linkLocal: Bool = false,
    offload: InterfaceConfiguration.Offload = [], _ configure: (inout StackConfiguration) -> Void = { _ in }
  ) throws(InterfaceError) {
    var configuration = StackConfiguration()
    configure(&configuration)
    self.vlan = vlan
    stack = NetworkStack(configuration: configuration, seed: StackSeed(seed))
    stack.advance(to: now)
    let medium = EthernetMedium(
      hardwareAddress: hardware, vlan: vlan, checksAddresses: checksAddresses, makesLinkLocal: linkLocal,
      autoconfigures: autoconfigures,
      temporaryAddresses: temporary, dhcp: dhcp, addressSecret: secret)
    interface = try stack.addInterface(
      InterfaceConfiguration(
        addresses: addresses ?? [IPPrefix(address, length: 24), IPPrefix(address6, length: 64)],
        offload: offload, medium: .ethernet(medium)))
    if !checksAddresses, !autoconfigures, dhcp == nil {
      advance(by: .seconds(5))
      _ = pull()
    }
    check()
  }

  func inject(_ frame: Packet, _ metadata: PacketMetadata = PacketMetadata()) {
    stack.receive(frame.span.bytes, metadata, on: interface, now: now)
    if checksEachStep { check() }
  }

  func pull(sourceLocation: SourceLocation = #_sourceLocation) -> [SeenFrame] {
    var all: [SeenFrame] = []
    var buffer = Packet(repeating: 0xa5, count: 65_600)
    while true {
      var span = buffer.mutableSpan
      var raw = span.mutableBytes
      guard let out = stack.nextPacket(on: interface, into: &raw, now: now) else { break }
      guard let seen = SeenFrame(Packet(buffer.prefix(out.count)), out.metadata, vlan: vlan) else {
        Issue.record("a malformed frame left", sourceLocation: sourceLocation)
        continue
      }
      if seen.source != hardware { Issue.record("a frame with another's address left") }
      // What is said of groups is between us and switches.
      if let report = SeenReport(seen) { reports.append(report) } else { all.append(seen) }
    }
    if checksEachStep { check() }
    return all
  }

  /// The reports that have left since the last call.
  func takeReports() -> [SeenReport] {
    _ = pull()
    defer { reports = [] }
    return reports
  }

  func answers(to frame: Packet) -> [SeenFrame] {
    inject(frame)
    return pull()
  }

  func drain() -> [StackEvent] {
    var new: [StackEvent] = []
    while let event = stack.nextEvent() { new.append(event) }
    return new
  }

  /// Lets time pass, stopping at every deadline on the way.
  func advance(by amount: TimeAmount) {
    let end = now.advanced(by: amount)
    while let deadline = stack.nextDeadline(now: now), deadline <= end {
      now = max(now, deadline)
      stack.advance(to: now)
      if checksEachStep { check() }
    }
    now = end
    stack.advance(to: now)
    if checksEachStep { check() }
  }

  func check(sourceLocation: SourceLocation = #_sourceLocation) {
    if let violated = stack.checkInvariants() {
      Issue.record("violated: \(violated)", sourceLocation: sourceLocation)
    }
    let copy = stack.copy()
    if let violated = copy.checkInvariants() {
      Issue.record("a copy violates: \(violated)", sourceLocation: sourceLocation)
    }
  }

  func drops(_ reason: DropReason) -> UInt64 { stack.counters.drops(reason) }

  // MARK: Everybody else

  func frame(
    _ payload: Packet, _ type: EtherType, from source: MACAddress, to destination: MACAddress? = nil
  ) -> Packet {
    var packet = Packet(repeating: 0, count: 14)
    do {
      var span = packet.mutableSpan
      var raw = span.mutableBytes
      EthernetHeader(
        destination: destination ?? hardware, source: source, etherType: vlan == nil ? type : .vlan
      ).write(into: &raw, at: 0)
    }
    if let vlan {
      packet += [UInt8(vlan >> 8), UInt8(vlan & 255), UInt8(type.rawValue >> 8), UInt8(type.rawValue & 255)]
    }
    return packet + payload
  }

  /// An IP packet in a frame.
  func frame(_ packet: Packet, from source: MACAddress, to destination: MACAddress? = nil) -> Packet {
    frame(packet, packet[0] >> 4 == 4 ? .ipv4 : .ipv6, from: source, to: destination)
  }

  func arp(
    _ operation: ARPOperation, from sender: MACAddress, _ senderAddress: IPAddress, for target: IPAddress,
    at targetHardware: MACAddress = .zero, to destination: MACAddress? = nil, source: MACAddress? = nil
  ) -> Packet {
    guard case .v4(let senderAddress) = senderAddress, case .v4(let target) = target else { return [] }
    var packet = Packet(repeating: 0, count: 28)
    var span = packet.mutableSpan
    var raw = span.mutableBytes
    ARPPacket(
      operation: operation, senderHardware: sender, senderProtocol: senderAddress,
      targetHardware: targetHardware, targetProtocol: target
    ).write(into: &raw, at: 0)
    return frame(
      packet + Packet(repeating: 0, count: 18), .arp, from: source ?? sender,
      to: destination ?? (operation == .request ? .broadcast : hardware))
  }

  /// A neighbour solicitation, right but for what is said otherwise.
  func solicitation(
    of target: IPAddress, from source: IPAddress, at hardware: MACAddress, to destination: IPAddress? = nil,
    options: Packet? = nil, hopLimit: UInt8 = 255, code: UInt8 = 0
  ) -> Packet {
    guard case .v6(let address) = target else { return [] }
    let destination = destination ?? .v6(address.solicitedNode)
    return neighbourMessage(
      135, code: code, 0,
      octets(address) + (options ?? (source.isUnspecified ? [] : [1, 1] + octets(hardware))),
      from: source, to: destination, hardware, hopLimit)
  }

  /// A neighbour advertisement, solicited and overriding unless said otherwise.
  func advertisement(
    of target: IPAddress, at hardware: MACAddress, solicited: Bool = true, override: Bool = true,
    router: Bool = false, from source: IPAddress? = nil, to destination: IPAddress? = nil,
    options: Packet? = nil, hopLimit: UInt8 = 255, code: UInt8 = 0
  ) -> Packet {
    guard case .v6(let address) = target else { return [] }
    let flags: UInt32 =
      (solicited ? 0x4000_0000 : 0) | (override ? 0x2000_0000 : 0) | (router ? 0x8000_0000 : 0)
    return neighbourMessage(
      136, code: code, flags, octets(address) + (options ?? [2, 1] + octets(hardware)),
      from: source ?? target,
      to: destination ?? address6, hardware, hopLimit)
  }

  func neighbourMessage(
    _ type: UInt8, code: UInt8 = 0, _ flags: UInt32, _ body: Packet, from source: IPAddress,
    to destination: IPAddress, _ hardware: MACAddress, _ hopLimit: UInt8 = 255
  ) -> Packet {
    var packet = icmp(from: source, to: destination, type: type, code: code, rest: flags, body)
    packet[7] = hopLimit
    guard case .v6(let address) = destination else { return [] }
    return frame(
      packet, from: hardware, to: address.isMulticast ? MACAddress(multicast: address) : self.hardware)
  }
}

func octets(_ address: IPv6Address) -> Packet {
  withUnsafeBytes(of: address.high.bigEndian) { Packet($0) }
    + withUnsafeBytes(of: address.low.bigEndian) { Packet($0) }
}

func octets(_ address: MACAddress) -> Packet {
  Packet(withUnsafeBytes(of: address.bits.bigEndian) { Packet($0) }.dropFirst(2))
}

func mac(_ n: UInt8) -> MACAddress { MACAddress(0x02, 0, 0, 0, 1, n) }

/// A frame that left, read after everything in it was verified.
struct SeenFrame {
  var destination: MACAddress
  var source: MACAddress
  var type: EtherType
  var payload: Packet
  var metadata: PacketMetadata
  var arp: ARPPacket?
  var ip: Seen?
  var neighbour: SeenNeighbourMessage?

  init?(_ frame: Packet, _ metadata: PacketMetadata, vlan: UInt16?) {
    guard let header = EthernetHeaderView(validating: frame.span.bytes) else { return nil }
    destination = header.destination
    source = header.source
    type = header.etherType
    self.metadata = metadata
    payload = Packet(frame.dropFirst(14))
    if let vlan {
      guard type == .vlan, let tag = VLANTag(parsing: payload.span.bytes), tag.identifier == vlan else {
        return nil
      }
      type = tag.etherType
      payload = Packet(payload.dropFirst(4))
    }
    if type == .arp {
      arp = ARPPacket(parsing: payload.span.bytes)
      if arp == nil || payload.count != 28 { return nil }
      return
    }
    guard metadata.checksum == .unverified else { return }
    guard let seen = Seen(payload), type == (seen.source.isFour ? .ipv4 : .ipv6) else { return nil }
    ip = seen
    guard seen.proto == .icmpv6, (135...136).contains(seen.payload[0]) else { return }
    neighbour = SeenNeighbourMessage(seen)
    if neighbour == nil { return nil }
  }
}

/// What a Neighbor Discovery message of ours says.
struct SeenNeighbourMessage {
  var type: UInt8
  var flags: UInt32
  var target: IPv6Address
  var options: NeighborOptions

  init?(_ seen: Seen) {
    guard seen.hopLimit == 255, seen.payload.count >= 24,
      checksum(seen.payload, .icmpv6, seen.source, seen.destination) == 0
    else { return nil }
    let bytes = seen.payload.span.bytes
    guard let read = NeighborOptions(parsing: bytes.extracting(24..<bytes.byteCount)) else { return nil }
    type = seen.payload[0]
    flags = bytes.be32(4)
    target = bytes.ipv6Address(8)
    options = read
  }
}
