import MartletCommand
import Testing

@Suite struct HTTPParsingTests {
  private func head(_ text: String) throws(HTTPRefusal) -> HTTPRequestHead {
    try HTTPRequestHead(parsing: Array(text.utf8)[...])
  }

  private func status(_ text: String) -> HTTPStatus? {
    do throws(HTTPRefusal) {
      _ = try head(text)
      return nil
    } catch {
      return error.status
    }
  }

  @Test("A request head says method, target, framing and whether the connection stays")
  func reads() throws {
    let get = try head("GET /a?b HTTP/1.1\r\nHost: x\r\nAccept: */*")
    #expect(get.method == "GET" && get.target == "/a?b" && get.framing == .none && get.keepsAlive)
    let put = try head(
      "PUT /f HTTP/1.1\r\nhost:x\r\nContent-Length: 12\r\nExpect: 100-Continue\r\nConnection: Close")
    #expect(put.framing == .length(12) && put.expectsContinue && !put.keepsAlive)
    #expect(try head("PUT / HTTP/1.1\nHost: x\nTransfer-Encoding: chunked").framing == .chunked)
    #expect(try !head("GET / HTTP/1.0").keepsAlive)
    #expect(try head("GET / HTTP/1.0\r\nConnection: keep-alive").keepsAlive)
  }

  @Test(
    "Garbage is a bad request",
    arguments: [
      "", "GET", "GET /", "GET  / HTTP/1.1\r\nHost: x", "GET / HTTP/1.1 \r\nHost: x",
      "G@T / HTTP/1.1\r\nHost: x",
      "GET / HTTX/1.1\r\nHost: x", "GET / HTTP/11\r\nHost: x", "GET / HTTP/1.1",
      "GET / HTTP/1.1\r\nHost: x\r\nHost: y",
      "GET / HTTP/1.1\r\nHost : x", "GET / HTTP/1.1\r\nHost: x\r\n folded",
      "GET / HTTP/1.1\r\nHost: x\r\nnocolon",
      "GET / HTTP/1.1\r\nHost: \u{1}", "GET /\u{7f} HTTP/1.1\r\nHost: x", "\u{0}\u{1}\u{2}",
      "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: -1", "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 1, 2",
      "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2",
      "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999",
      "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked",
      "PUT / HTTP/1.0\r\nTransfer-Encoding: chunked",
    ])
  func refusesGarbage(_ text: String) {
    #expect(status(text) == .badRequest)
  }

  @Test("What is understood but not offered has a status of its own")
  func refusesTheUnknown() {
    #expect(status("GET / HTTP/2.0\r\nHost: x") == .versionNotSupported)
    #expect(status("PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked") == .notImplemented)
    #expect(status("PUT / HTTP/1.1\r\nHost: x\r\nExpect: tea") == .expectationFailed)
  }

  @Test(
    "A path is decoded, and never leads upwards",
    arguments: [
      ("/", [], true), ("/a/b", ["a", "b"], false), ("/a//./b/", ["a", "b"], true),
      ("/%41%20?x=/../", ["A "], false),
      ("http://host:80/a", ["a"], false), ("http://host", [], true), ("/a/.", ["a"], true),
      ("/...", ["..."], false),
    ])
  func paths(_ target: String, _ components: [String], _ endsInSlash: Bool) throws {
    let path = try RequestPath(target: target)
    #expect(path.components == components.map { Array($0.utf8) })
    #expect(path.endsInSlash == endsInSlash)
  }

  @Test(
    "A path that leads upwards, or is none, is refused",
    arguments: [
      ("/..", HTTPStatus.forbidden), ("/a/../../b", .forbidden), ("/%2e%2e/etc", .forbidden),
      ("/.%2E/", .forbidden),
      ("/a%2f..%2f..%2fb", .forbidden), ("/%00", .badRequest), ("/a%0", .badRequest), ("/%zz", .badRequest),
      ("*", .badRequest), ("a/b", .badRequest), ("ftp://x/", .badRequest),
      ("/" + String(repeating: "a/", count: 100), .notFound),
    ])
  func badPaths(_ target: String, _ status: HTTPStatus) {
    #expect { try RequestPath(target: target) } throws: { ($0 as? HTTPRefusal)?.status == status }
  }

  @Test("Chunked content comes out whole, however it is cut", arguments: [1, 2, 5, 1000])
  func chunks(size: Int) throws {
    let wire = Array("5\r\nhello\r\n1;x=\"y\"\r\n,\r\n6\r\n world\r\n0\r\nTrailer: x\r\n\r\nNEXT".utf8)
    var decoder = BodyDecoder(.chunked)
    var content: [UInt8] = []
    var at = 0
    while at < wire.count, !decoder.isComplete {
      let piece = Array(wire[at..<min(at + size, wire.count)])
      at += try piece.withUnsafeBytes { bytes in
        try decoder.decode(bytes.bytes) { span in span.withUnsafeBytes { content += $0 } }
      }
    }
    #expect(String(decoding: content, as: UTF8.self) == "hello, world")
    #expect(decoder.isComplete && decoder.count == 12)
    #expect(String(decoding: wire[at...], as: UTF8.self) == "NEXT")
  }

  @Test(
    "Chunks that lie are refused",
    arguments: ["x\r\n", "\r\n", "1\r\nab", "fffffffffffffffff\r\n", "1 2\rx", "5x\r\n"])
  func badChunks(_ text: String) {
    var decoder = BodyDecoder(.chunked)
    #expect(throws: HTTPRefusal.self) {
      try Array(text.utf8).withUnsafeBytes { _ = try decoder.decode($0.bytes) { _ in } }
    }
  }
}
