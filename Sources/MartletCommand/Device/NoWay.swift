import MartletWire

/// Why nothing can be sent to a host.
package func noWay(to destination: IPAddress) -> String {
  """
  Nothing leads to \(destination): no --address is of its family, no --gateway leads there, and none came from a router \
  or a DHCP server that was asked.
  """
}
