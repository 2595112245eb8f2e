public import MartletTCP

extension NetworkStack {
  /// The link of an interface was away and is back, perhaps at another place: what was learned of neighbours counts no more,
  /// and they are told of us again. What leaves meanwhile waits as it does for any neighbour that is looked for.
  ///
  /// - Neighbours are forgotten: the device that comes back may have another hardware address.
  /// - Our addresses stay in use, or connections would break that have come through it. They are announced, and those of IPv6 are
  ///   asked about (RFC 4862 §5.4); another who has one is heard of as ever (`StackEvent.addressConflict`). Those that another had
  ///   are tried again.
  /// - Routers are asked (RFC 4861 §6.3.7), also those that had fallen silent, and a DHCP server whether what it lends is still
  ///   ours here (RFC 2131 §3.7); without an answer it is until its time is over.
  /// - Groups that are joined are reported.
  ///
  /// `StackLoop` calls it when `LinkCounters.returns` of a link says so.
  public mutating func linkIsBack(on id: InterfaceID, now: Instant) throws(InterfaceError) {
    tell(now)
    guard isPresent(id) else { throw .noSuchInterface }
    removeNeighbours(on: id)
    forgetLastHops()
    for k in ownAddresses.indices where ownAddresses[k].interface == id { claimAgain(k) }
    tellGroupsAgain(on: id, ofIPv4: true)
    askRoutersAgain(on: id)
    askServerAgain(on: id)
  }
}
