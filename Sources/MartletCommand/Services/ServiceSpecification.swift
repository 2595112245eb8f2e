/// What `--service` takes: `PORT=KIND` for TCP, `udp/PORT=KIND` for UDP.
package struct ServiceSpecification: Equatable, Sendable {
  package enum Kind: Equatable, Sendable {
    case echo
    case discard
    /// With a number of octets, or without end.
    case chargen(UInt64?)
    /// The directory to serve.
    case http(String)
    case hold
    case bye
    case reset
    case iperf3
  }

  package enum Transport: String, Sendable {
    case tcp, udp
  }

  package var transport: Transport
  package var port: UInt16
  package var kind: Kind

  package init(transport: Transport = .tcp, port: UInt16, kind: Kind) {
    self.transport = transport
    self.port = port
    self.kind = kind
  }

  package init(parsing text: String) throws(SpecificationError) {
    guard let equals = text.firstIndex(of: "=") else {
      throw SpecificationError(
        "\"\(text)\" names no service. Write PORT=KIND, such as 7=echo, 80=http:DIR or udp/7=echo.")
    }
    var left = text[..<equals]
    transport = .tcp
    if let slash = left.firstIndex(of: "/") {
      guard let named = Transport(rawValue: left[..<slash].lowercased()) else {
        throw SpecificationError(
          "\"\(left[..<slash])\" is no transport here. Write tcp/PORT=KIND or udp/PORT=KIND.")
      }
      transport = named
      left = left[left.index(after: slash)...]
    }
    guard let port = UInt16(left), port > 0, left.utf8.allSatisfy({ $0 != UInt8(ascii: "+") }) else {
      throw SpecificationError("\"\(left)\" is no port. Use a number from 1 to 65535.")
    }
    self.port = port
    kind = try Kind(parsing: String(text[text.index(after: equals)...]))
    if transport == .udp, kind != .echo, kind != .discard {
      throw SpecificationError("Over UDP there are echo and discard only. Write udp/\(port)=echo.")
    }
  }
}

extension ServiceSpecification.Kind {
  fileprivate init(parsing text: String) throws(SpecificationError) {
    let colon = text.firstIndex(of: ":")
    let name = text[..<(colon ?? text.endIndex)]
    let argument = colon.map { String(text[text.index(after: $0)...]) }
    switch (name, argument) {
    case ("echo", nil): self = .echo
    case ("discard", nil): self = .discard
    case ("hold", nil): self = .hold
    case ("bye", nil): self = .bye
    case ("reset", nil): self = .reset
    case ("iperf3", nil): self = .iperf3
    case ("chargen", nil): self = .chargen(nil)
    case ("chargen", let octets?):
      guard let limit = UInt64(octets) else {
        throw SpecificationError("\"\(octets)\" is no number of octets. Write chargen or chargen:1000000.")
      }
      self = .chargen(limit)
    case ("http", let directory?) where !directory.isEmpty: self = .http(directory)
    case ("http", _):
      throw SpecificationError("http needs a directory. Write http:DIR, such as 80=http:. for this one.")
    default:
      throw SpecificationError(
        "\"\(text)\" is no kind of service. Choose echo, discard, chargen, chargen:OCTETS, http:DIR, hold, bye, reset or iperf3."
      )
    }
  }
}

extension ServiceSpecification: CustomStringConvertible {
  package var description: String { "\(transport.rawValue)/\(port)=\(kind)" }
}

extension ServiceSpecification.Kind: CustomStringConvertible {
  package var description: String {
    switch self {
    case .echo: "echo"
    case .discard: "discard"
    case .chargen(nil): "chargen"
    case .chargen(let limit?): "chargen:\(limit)"
    case .http(let directory): "http:\(directory)"
    case .hold: "hold"
    case .bye: "bye"
    case .reset: "reset"
    case .iperf3: "iperf3"
    }
  }
}

/// What is wrong with something that a person typed, and how to type it.
package struct SpecificationError: Error, Equatable, Sendable, CustomStringConvertible {
  package let description: String

  package init(_ description: String) { self.description = description }
}
