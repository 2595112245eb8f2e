import MartletCommand
import MartletTCP
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

@Suite struct HTTPConversationTests {
  /// A directory with something in it.
  private final class Tree {
    let path: String

    init() throws {
      var template = Array("/tmp/martlet-http-XXXXXX".utf8CString)
      _ = try #require(mkdtemp(&template))
      path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
      write("served/a.txt", "hello\n")
      write("served/sub/index.html", "<p>index</p>")
      write("served/list/x<y.txt", "x")
      write("secret.txt", "secret")
      symlink("a.txt", path + "/served/inside")
      symlink("../a.txt", path + "/served/sub/up")
      symlink("../secret.txt", path + "/served/outside")
      symlink(path + "/secret.txt", path + "/served/absolute")
      symlink("..", path + "/served/parent")
      symlink("loop", path + "/served/loop")
      mkfifo(path + "/served/fifo", 0o600)
    }

    /// To be called at the end of the test.
    func remove() { remove(path) }

    func write(_ name: String, _ content: String) {
      var directory = path
      for part in name.split(separator: "/").dropLast() {
        directory += "/" + part
        mkdir(directory, 0o700)
      }
      guard let file = fopen(path + "/" + name, "w") else { return }
      fputs(content, file)
      fclose(file)
    }

    func read(_ name: String) -> String? {
      guard let file = fopen(path + "/" + name, "r") else { return nil }
      defer { fclose(file) }
      var content = [UInt8](repeating: 0, count: 1 << 16)
      let count = fread(&content, 1, content.count, file)
      return String(decoding: content.prefix(count), as: UTF8.self)
    }

    private func remove(_ path: String) {
      if let stream = opendir(path) {
        while let entry = readdir(stream) {
          let name = withUnsafeBytes(of: &entry.pointee.d_name) {
            String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
          }
          guard name != ".", name != ".." else { continue }
          if unlink(path + "/" + name) != 0 { remove(path + "/" + name) }
        }
        closedir(stream)
      }
      rmdir(path)
    }

    func conversation(uploads: Bool = false, limit: UInt64 = .max) throws -> HTTPConversation {
      HTTPConversation(
        HTTPConversation.Site(
          .directory(try ServedDirectory(path + "/served")), allowsUpload: uploads, uploadLimit: limit))
    }
  }

  private func get(_ target: String, _ method: String = "GET") -> String {
    "\(method) \(target) HTTP/1.1\r\nHost: x\r\n\r\n"
  }

  /// Status and content of the answer to one request.
  private func ask(_ tree: Tree, _ request: String, size: Int = .max) throws -> (status: Int, content: String)
  {
    let answer = try tree.conversation().exchange(request, size: size)
    return (Int(answer.dropFirst(9).prefix(3)) ?? 0, content(answer))
  }

  private func content(_ answer: String) -> String {
    let octets = Array(answer.utf8)
    for i in octets.indices where octets[i...].starts(with: "\r\n\r\n".utf8) {
      return String(decoding: octets[(i + 4)...], as: UTF8.self)
    }
    return ""
  }

  @Test(
    "GET gives a file, in whatever pieces the request comes and the answer goes", arguments: [1, 2, 17, 5000])
  func file(size: Int) throws {
    let tree = try Tree()
    defer { tree.remove() }
    let (status, content) = try ask(tree, get("/a.txt"), size: size)
    #expect(status == 200 && content == "hello\n")
  }

  @Test("E7 a head that comes octet by octet is refused after a minute, however lively its sender")
  func slowHead() {
    let conversation = HTTPConversation(HTTPConversation.Site(.page("page")))
    var answer = ""
    for (second, octet) in "GET / HTTP/1.1\r\nHost: example".utf8.enumerated() where answer.isEmpty {
      conversation.now = Instant(nanoseconds: UInt64(second) * 5_000_000_000)
      [octet].withUnsafeBytes { conversation.take($0.bytes) }
      answer = String(decoding: conversation.drain(limit: 1_000), as: UTF8.self)
      #expect(answer.isEmpty || second == 13, "\(second)")
    }
    #expect(answer.hasPrefix("HTTP/1.1 408 Request Timeout\r\n"), "\(answer)")
    #expect(conversation.outlook == .finish)
  }

  @Test("E7 the minute begins anew with each request, and only with its first octet")
  func patienceForEachHead() {
    let conversation = HTTPConversation(HTTPConversation.Site(.page("page")))
    for minute in 0..<3 {
      conversation.now = Instant(nanoseconds: UInt64(minute) * 120_000_000_000)
      Array("GET / HTTP/1.1\r\n".utf8).withUnsafeBytes { conversation.take($0.bytes) }
      conversation.now = conversation.now.advanced(by: .seconds(50))
      Array("Host: example\r\n\r\n".utf8).withUnsafeBytes { conversation.take($0.bytes) }
      let answer = String(decoding: conversation.drain(limit: 1_000), as: UTF8.self)
      #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"), "\(answer)")
    }
  }

  @Test("HEAD gives the head alone")
  func headOnly() throws {
    let tree = try Tree()
    defer { tree.remove() }
    let answer = try tree.conversation().exchange(get("/a.txt", "HEAD"))
    #expect(
      answer.hasPrefix("HTTP/1.1 200 ") && answer.contains("Content-Length: 6\r\n") && content(answer).isEmpty
    )
  }

  @Test("A directory gives its index or a listing, and its name without a slash leads to that with one")
  func directories() throws {
    let tree = try Tree()
    defer { tree.remove() }
    #expect(try ask(tree, get("/sub/")).content == "<p>index</p>")
    #expect(try ask(tree, get("/sub")).status == 301)
    let (status, listing) = try ask(tree, get("/list/"))
    #expect(status == 200 && listing.contains("<a href=\"./x%3Cy.txt\">x&lt;y.txt</a>"))
  }

  @Test(
    "Nothing outside the directory is given, whatever the path",
    arguments: [
      ("/outside", 403), ("/absolute", 403), ("/parent/secret.txt", 403), ("/parent/", 403), ("/loop", 403),
      ("/../secret.txt", 403), ("/%2e%2e/secret.txt", 403), ("/sub/../../secret.txt", 403), ("/fifo", 403),
      ("/nothing", 404), ("/a.txt/", 404), ("/a.txt/b", 404), ("/inside", 200), ("/sub/up", 200),
    ])
  func confinement(_ target: String, _ status: Int) throws {
    let tree = try Tree()
    defer { tree.remove() }
    let answer = try ask(tree, get(target))
    #expect(answer.status == status)
    #expect(!answer.content.contains("secret"))
  }

  @Test("Requests one after the other on one connection are answered in order")
  func pipelining() throws {
    let tree = try Tree()
    defer { tree.remove() }
    let conversation = try tree.conversation()
    let answer = conversation.exchange(get("/a.txt") + get("/nothing") + get("/sub/"))
    #expect(answer.components(of: "HTTP/1.1 ") == ["200", "404", "200"])
    #expect(conversation.outlook == .open)
    conversation.peerFinished()
    #expect(conversation.outlook == .close)
  }

  @Test("Connection: close is kept; half a request at the end of the stream ends it")
  func closing() throws {
    let tree = try Tree()
    defer { tree.remove() }
    let last = try tree.conversation()
    _ = last.exchange("GET / HTTP/1.0\r\n\r\n")
    #expect(last.outlook == .finish)
    let half = try tree.conversation()
    #expect(half.exchange("GET / HT").isEmpty)
    half.peerFinished()
    #expect(half.outlook == .close)
  }

  @Test("A head without end is refused, and no more than its limit is held")
  func endlessHead() throws {
    let tree = try Tree()
    defer { tree.remove() }
    let conversation = try tree.conversation()
    let answer = conversation.exchange(
      "GET / HTTP/1.1\r\n" + String(repeating: "X: y\r\n", count: 5000), size: 1000)
    #expect(answer.hasPrefix("HTTP/1.1 431 "))
    #expect(conversation.outlook == .finish)
  }

  @Test("PUT writes a file, with either framing, and says whether it is new")
  func uploads() throws {
    let tree = try Tree()
    defer { tree.remove() }
    let conversation = try tree.conversation(uploads: true)
    let first = "PUT /new HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nfirst"
    let answer = conversation.exchange(first, size: 3)
    #expect(answer.components(of: "HTTP/1.1 ") == ["100", "201"])
    #expect(tree.read("served/new") == "first")
    let second = "PUT /new HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nsecond\r\n0\r\n\r\n"
    #expect(conversation.exchange(second + get("/new")).components(of: "HTTP/1.1 ") == ["200", "200"])
    #expect(tree.read("served/new") == "second")
  }

  @Test(
    "PUT is refused where it is not allowed, without length, too large, or to no plain file",
    arguments: [
      ("/new", "Content-Length: 1", false, 403), ("/new", "X: y", true, 411),
      ("/new", "Content-Length: 101", true, 413),
      ("/sub/", "Content-Length: 1", true, 403), ("/sub", "Content-Length: 1", true, 403),
      ("/outside", "Content-Length: 1", true, 403), ("/none/new", "Content-Length: 1", true, 404),
      ("/parent/new", "Content-Length: 1", true, 403), ("/../new", "Content-Length: 1", true, 403),
    ])
  func refusedUploads(_ target: String, _ field: String, _ allowed: Bool, _ status: Int) throws {
    let tree = try Tree()
    defer { tree.remove() }
    let conversation = try tree.conversation(uploads: allowed, limit: 100)
    let answer = conversation.exchange("PUT \(target) HTTP/1.1\r\nHost: x\r\n\(field)\r\n\r\n")
    #expect(answer.hasPrefix("HTTP/1.1 \(status) "))
    #expect(tree.read("new") == nil && tree.read("secret.txt") == "secret")
  }

  @Test("An upload that breaks off, or grows beyond the limit, leaves nothing")
  func brokenUploads() throws {
    let tree = try Tree()
    defer { tree.remove() }
    let broken = try tree.conversation(uploads: true)
    _ = broken.exchange("PUT /new HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\nhalf")
    broken.peerFinished()
    let large = try tree.conversation(uploads: true, limit: 3)
    let answer = large.exchange(
      "PUT /new HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n0\r\n\r\n")
    #expect(answer.hasPrefix("HTTP/1.1 413 "))
    #expect(tree.read("served/new") == nil)
    #expect(try !ask(tree, get("/")).content.contains("martlet-upload"))
  }

  @Test("Other methods are not allowed, and the answer says which are")
  func methods() throws {
    let tree = try Tree()
    defer { tree.remove() }
    let answer = try tree.conversation().exchange(get("/a.txt", "DELETE"))
    #expect(answer.hasPrefix("HTTP/1.1 405 ") && answer.contains("Allow: GET, HEAD\r\n"))
  }

  @Test("Octets without sense are answered once and end the connection")
  func garbage() throws {
    var random = SystemRandomNumberGenerator()
    let seed = UInt64.random(in: .min ... .max, using: &random)
    var state = seed
    let tree = try Tree()
    defer { tree.remove() }
    for _ in 0..<200 {
      let text = String(
        decoding: (0..<100).map { _ -> UInt8 in
          state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
          return UInt8(truncatingIfNeeded: state >> 56)
        }, as: UTF8.self)
      let conversation = try tree.conversation(uploads: true)
      let answer = conversation.exchange(text + "\r\n\r\n", size: 7)
      #expect(answer.hasPrefix("HTTP/1.1 4") || answer.hasPrefix("HTTP/1.1 5"), "seed \(seed)")
      #expect(conversation.outlook == .finish, "seed \(seed)")
    }
  }
}

extension String {
  /// The three characters after each occurrence of `mark`.
  fileprivate func components(of mark: String) -> [String] {
    let octets = Array(utf8)
    return octets.indices.filter { octets[$0...].starts(with: mark.utf8) }
      .map { String(decoding: octets[($0 + mark.utf8.count)...].prefix(3), as: UTF8.self) }
  }
}
