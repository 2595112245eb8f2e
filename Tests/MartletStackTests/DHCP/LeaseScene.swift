import MartletStack
import MartletTCP
import MartletWire
import Testing

/// A station without an address, and a test that is the DHCP server on its link.
final class LeaseScene {
  let s: Station
  static let server = IPv4Address(10, 0, 0, 250)
  static let serverHardware = mac(250)
  static let lent = IPv4Address(10, 0, 0, 77)
  static let far = v4(192, 0, 2, 1)
  /// What left and was no DHCP.
  var others: [SeenFrame] = []

  init(
    checksAddresses: Bool = true, hostName: String? = nil, previous: IPv4Address? = nil, seed: UInt64 = 7,
    addresses: [IPPrefix] = [], autoconfigures: Bool = false, temporary: TemporaryAddresses? = nil,
    _ configure: (inout StackConfiguration) -> Void = { _ in }
  ) throws {
    s = try Station(
      checksAddresses: checksAddresses, addresses: addresses, seed: seed, autoconfigures: autoconfigures,
      temporary: temporary,
      dhcp: DHCPConfiguration(hostName: hostName.flatMap { DHCPHostName($0) }, previousAddress: previous),
      configure)
  }

  var lease: DHCPLease? { try? s.stack.lease(of: s.interface) }

  /// DHCP messages that wait to be pulled.
  func asked(sourceLocation: SourceLocation = #_sourceLocation) -> [SeenMessage] {
    var seen: [SeenMessage] = []
    for frame in s.pull(sourceLocation: sourceLocation) {
      if let message = SeenMessage(frame) { seen.append(message) } else { others.append(frame) }
    }
    // A word about the last address leaves before a question for another.
    let isFarewell = seen.first.map { $0.kind == .release || $0.kind == .decline } ?? false
    if seen.count > (isFarewell ? 2 : 1) {
      Issue.record("two messages at once", sourceLocation: sourceLocation)
    }
    return seen
  }

  /// Lets time pass until the client says something; nil: it does not.
  func question(
    within amount: TimeAmount, sourceLocation: SourceLocation = #_sourceLocation
  ) -> SeenMessage? {
    let end = s.now.advanced(by: amount)
    while true {
      if let message = asked(sourceLocation: sourceLocation).first { return message }
      guard let deadline = s.stack.nextDeadline(now: s.now), deadline <= end else {
        s.advance(by: end.since(s.now))
        return asked(sourceLocation: sourceLocation).first
      }
      s.advance(by: deadline.since(s.now))
    }
  }

  /// A server's answer to a question, as it would be right, and then changed.
  func answer(
    _ kind: DHCPMessageType, to question: DHCPMessage, _ change: (inout DHCPMessage) -> Void = { _ in }
  ) -> DHCPMessage {
    var message = DHCPMessage(op: .reply, xid: question.xid, chaddr: question.chaddr)
    message.options.messageType = kind
    message.options.serverIdentifier = Self.server
    if kind != .nak {
      message.yiaddr = Self.lent
      message.ciaddr = question.ciaddr
      message.options.subnetMask = IPv4Address(255, 255, 255, 0)
      message.options.routers.append(IPv4Address(10, 0, 0, 254))
      message.options.domainNameServers.append(IPv4Address(10, 0, 0, 253))
      message.options.leaseTime = 3_600
    }
    change(&message)
    return message
  }

  /// The answer in a frame: to us alone, or to everybody.
  func frame(
    _ message: DHCPMessage, toAll: Bool = false, from source: Endpoint? = nil, port: UInt16 = 68,
    to destination: IPAddress? = nil, at hardware: MACAddress = serverHardware, tail: Packet = []
  ) -> Packet {
    var octets = Packet(repeating: 0, count: message.encodedCount)
    do {
      var span = octets.mutableSpan
      var raw = span.mutableBytes
      message.write(into: &raw, at: 0)
    }
    let isToAll = toAll || message.options.messageType == .nak
    let address = destination ?? (isToAll ? v4(255, 255, 255, 255) : .v4(message.yiaddr))
    let packet = udp(
      from: source ?? Endpoint(address: .v4(Self.server), port: 67),
      to: Endpoint(address: address, port: port), octets + tail)
    return s.frame(packet, from: hardware, to: isToAll ? .broadcast : s.hardware)
  }

  func tell(
    _ kind: DHCPMessageType, to question: SeenMessage, toAll: Bool = false,
    _ change: (inout DHCPMessage) -> Void = { _ in }
  ) {
    s.inject(frame(answer(kind, to: question.message, change), toAll: toAll))
  }

  /// DISCOVER, OFFER, REQUEST, ACK, and the check: the address is ours.
  func bind(
    sourceLocation: SourceLocation = #_sourceLocation, _ change: (inout DHCPMessage) -> Void = { _ in }
  ) throws {
    let discover = try #require(question(within: .minutes(3)), sourceLocation: sourceLocation)
    try #require(discover.kind == .discover, sourceLocation: sourceLocation)
    tell(.offer, to: discover, change)
    let request = try #require(asked().first, sourceLocation: sourceLocation)
    try #require(request.kind == .request, sourceLocation: sourceLocation)
    tell(.ack, to: request, change)
    s.advance(by: .seconds(8))
    try #require(lease != nil, sourceLocation: sourceLocation)
    let events = s.drain()
    #expect(
      events == [.addressReady(.v4(Self.lent), s.interface), .lease(.obtained, .v4(Self.lent), s.interface)],
      sourceLocation: sourceLocation)
    _ = asked()
  }

  /// Lets a time pass in which the client has nothing to say.
  func wait(until instant: Instant, sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(question(within: instant.since(s.now)) == nil, sourceLocation: sourceLocation)
  }
}

/// A DHCP message of ours, read after everything around it was verified.
struct SeenMessage: Equatable {
  var message: DHCPMessage
  var hardware: MACAddress
  var source: IPAddress
  var destination: IPAddress

  var kind: DHCPMessageType? { message.options.messageType }
  var options: DHCPOptions { message.options }
  var isToAll: Bool { hardware == .broadcast && destination == v4(255, 255, 255, 255) }

  init?(_ frame: SeenFrame) {
    guard let ip = frame.ip, ip.proto == .udp, let view = UDPHeaderView(validating: ip.payload.span.bytes),
      view.sourcePort == 68, view.destinationPort == 67, view.totalCount == ip.payload.count,
      view.checksum != 0, checksum(ip.payload, .udp, ip.source, ip.destination) == 0,
      let read = DHCPMessage(parsing: view.payload), read.op == .request, read.hops == 0
    else { return nil }
    message = read
    hardware = frame.destination
    source = ip.source
    destination = ip.destination
  }
}
