import ArgumentParser
import MartletStack
import MartletTCP

/// How every connection of a command's stack is to behave.
struct TransportOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Congestion control: \(CongestionControl.allNames.joined(separator: ", ")).", valueName: "name"),
    transform: { try CongestionControl(parsing: $0) })
  var congestion: CongestionControl?

  @Option(
    help: ArgumentHelp("Octets that may be sent and unacknowledged, such as 4MB.", valueName: "amount"),
    transform: { try BufferAmount(parsing: $0) })
  var sendBuffer: BufferAmount?

  @Option(
    help: ArgumentHelp("Octets that may arrive and be unread, such as 4MB.", valueName: "amount"),
    transform: { try BufferAmount(parsing: $0) })
  var receiveBuffer: BufferAmount?

  @Option(
    help: ArgumentHelp(
      "Congestion marks: off, passive (agreed to) or on (asked for).", valueName: "policy"),
    transform: { try ECNPolicy(parsing: $0) })
  var ecn: ECNPolicy?

  @Flag(help: "TCP Fast Open (RFC 7413): text on the SYN, which may arrive twice.")
  var fastOpen = false

  /// Of each listener: connections by Fast Open that wait for their third segment.
  var fastOpenLimit: UInt32 { fastOpen ? 256 : 0 }

  var configuration: StackConfiguration {
    var configuration = StackConfiguration()
    if let congestion { configuration.tcp.congestionControl = congestion }
    if let ecn { configuration.tcp.ecn = ecn }
    if let sendBuffer {
      configuration.tcp.sendBuffer = sendBuffer.octets
      configuration.tcp.maximumSendBuffer = max(configuration.tcp.maximumSendBuffer, sendBuffer.octets)
    }
    if let receiveBuffer {
      configuration.tcp.receiveBuffer = receiveBuffer.octets
      configuration.tcp.maximumReceiveBuffer = max(
        configuration.tcp.maximumReceiveBuffer, receiveBuffer.octets)
    }
    return configuration
  }
}

/// The size of a buffer, as it is typed: `256KiB`, `4MB`, `100000`.
package struct BufferAmount: Equatable, Sendable {
  package let octets: UInt32

  package init(parsing text: String) throws(SpecificationError) {
    let units: [String: UInt64] = [
      "": 1, "b": 1, "kb": 1_000, "mb": 1_000_000, "kib": 1 << 10, "mib": 1 << 20,
    ]
    // The largest window that can be scaled (RFC 7323 §2.3).
    guard let quantity = Quantity(text), let unit = units[quantity.unit], let octets = quantity.times(unit),
      (1_024...1 << 30).contains(octets)
    else { throw SpecificationError("\"\(text)\" is no size. Write 256KiB or 4MB; 1KiB to 1024MiB.") }
    self.octets = UInt32(octets)
  }
}

extension CongestionControl {
  package var name: String { "\(self)".lowercased() }
  package var linuxName: String { name == "newreno" ? "reno" : name }
  static var allNames: [String] { allCases.map(\.name) }

  package init(parsing text: String) throws(SpecificationError) {
    let name = text.lowercased()
    // What Linux calls it.
    guard let found = Self.allCases.first(where: { $0.name == (name == "reno" ? "newreno" : name) }) else {
      throw SpecificationError(
        "\"\(text)\" is no congestion control. Choose \(Self.allNames.joined(separator: ", ")).")
    }
    self = found
  }
}

extension ECNPolicy {
  package init(parsing text: String) throws(SpecificationError) {
    guard let found = Self.allCases.first(where: { "\($0)" == text.lowercased() }) else {
      throw SpecificationError("\"\(text)\" is no policy. Choose off, passive or on.")
    }
    self = found
  }
}

extension FastOpenTicket {
  /// The cookie in hexadecimal digits.
  package var text: String {
    (0..<count).map { i in
      let digits = String(self[i], radix: 16)
      return digits.count == 1 ? "0" + digits : digits
    }.joined()
  }

  package init(parsing text: String) throws(SpecificationError) {
    var octets: [UInt8] = []
    var rest = Substring(text)
    while rest.count >= 2, let octet = UInt8(rest.prefix(2), radix: 16) {
      octets.append(octet)
      rest = rest.dropFirst(2)
    }
    guard rest.isEmpty, let ticket = FastOpenTicket(octets.span.bytes) else {
      throw SpecificationError(
        "\"\(text)\" is no cookie: 8 to 32 hexadecimal digits, as an earlier run told them.")
    }
    self = ticket
  }
}
