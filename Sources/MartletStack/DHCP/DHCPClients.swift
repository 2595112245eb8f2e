import MartletTCP
import MartletWire

/// The DHCP clients of all interfaces that have one.
struct DHCPClients {
  private(set) var clients: [DHCPClient] = []
  /// What the application has not been told, one thing for each client.
  private var news: [DHCPNews?] = []
  /// One of them has something to send.
  private(set) var isSending = false
  private(set) var hasNews = false

  /// What became of an address.
  struct DHCPNews: BitwiseCopyable {
    var news: LeaseNews
    var address: IPv4Address
  }

  var isEmpty: Bool { clients.isEmpty }

  /// There may be an address soon.
  var isSearching: Bool { clients.contains { $0.isSearching } }

  /// Octets charged.
  var heldBytes: Int { clients.count &* Self.clientBytes }

  /// A client, and an address and a route of it. An array may have room for twice of what is in it, and an address that
  /// was lost stays until that is told.
  private static var clientBytes: Int {
    let address = MemoryLayout<OwnAddress>.stride &+ MemoryLayout<InterfaceAddress>.stride
    let client = MemoryLayout<DHCPClient>.stride &+ MemoryLayout<DHCPNews?>.stride
    return 2 &* (client &+ 2 &* address &+ MemoryLayout<Route>.stride)
  }

  /// Whether there was room to charge one more. It is to be added next.
  static func charge(_ budget: inout MemoryBudget) -> Bool { budget.take(clientBytes) }

  mutating func add(_ client: DHCPClient) {
    clients.append(client)
    news.append(nil)
  }

  mutating func remove(at c: Int, _ budget: inout MemoryBudget) {
    clients.remove(at: c)
    news.remove(at: c)
    budget.give(Self.clientBytes)
    look()
  }

  func index(on interface: InterfaceID) -> Int? { clients.firstIndex { $0.interface == interface } }

  /// Changes a client.
  mutating func change<R>(_ c: Int, _ body: (inout DHCPClient) -> R) -> R {
    let result = body(&clients[c])
    isSending = clients.contains { $0.outgoing != nil }
    return result
  }

  /// The last thing that happened counts.
  mutating func tell(_ told: LeaseNews, of c: Int) {
    news[c] = clients[c].address.map { DHCPNews(news: told, address: $0) }
    hasNews = true
  }

  mutating func nextNews() -> StackEvent? {
    for c in news.indices {
      guard let told = news[c] else { continue }
      news[c] = nil
      return .lease(told.news, .v4(told.address), clients[c].interface)
    }
    hasNews = false
    return nil
  }

  private mutating func look() {
    isSending = clients.contains { $0.outgoing != nil }
    hasNews = news.contains { $0 != nil }
  }
}
