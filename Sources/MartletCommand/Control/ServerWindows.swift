import Martlet

/// Where others look at a server.
struct ServerWindows {
  let control: ControlSocket?
  let metrics: MetricsEndpoint?

  func close() {
    control?.close()
    metrics?.close()
  }
}

extension MetricsAddress {
  /// As it stands on a command line.
  static func typed(_ text: String) throws(SpecificationError) -> MetricsAddress {
    do throws(FilterError) {
      return try MetricsAddress(parsing: text)
    } catch {
      throw SpecificationError(error.description)
    }
  }
}
