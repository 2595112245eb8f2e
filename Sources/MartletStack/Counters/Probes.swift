import MartletTCP
import MartletWire

// What tests ask: which addresses are ours, and of the flow table, whether somebody who does not know the seed can fill it
// with flows that take long to find (robustness rule E10).

extension NetworkStack {
  /// The addresses of an interface that nobody else was found to have.
  package func addresses(of id: InterfaceID) -> [IPAddress] {
    routing.addresses.compactMap { $0.interface == id ? $0.prefix.address : nil }
  }

  /// What the table has a flow under. Nil: the ends are of different families.
  package func tableHash(_ local: Endpoint, _ remote: Endpoint) -> UInt64? {
    let flow = Flow(
      local: local.address, remote: remote.address, localPort: local.port, remotePort: remote.port)
    if let key = IPv4FlowKey(flow) { return key.hash(secrets.flowTable) }
    return IPv6FlowKey(flow)?.hash(secrets.flowTable)
  }

  /// How many slots the search for the record of a flow looks at. Nil: it has none.
  package mutating func probes(_ local: Endpoint, _ remote: Endpoint) -> Int? {
    let flow = Flow(
      local: local.address, remote: remote.address, localPort: local.port, remotePort: remote.port)
    guard let found = find(flow), let hash = tableHash(local, remote) else { return nil }
    let value = found.entry.rawValue
    return found.isIPv4 ? flows4.table.probes(hash, value) : flows6.table.probes(hash, value)
  }
}
