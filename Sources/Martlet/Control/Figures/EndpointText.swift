import MartletStack
import MartletWire

extension Endpoint {
  /// `10.7.0.2:40112`, `[fd00:7::2]:40112`.
  package var text: String {
    switch address {
    case .v4: "\(address):\(port)"
    case .v6: "[\(address)]:\(port)"
    }
  }
}

extension LocalEndpoint {
  /// `*:80` where any address is meant.
  package var text: String { address.map { Endpoint(address: $0, port: port).text } ?? "*:\(port)" }
}
