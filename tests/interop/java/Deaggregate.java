// Takes aggregates apart with the Kinesis Client Library. A record on a line, in base64: data and partition key of
// the aggregate; then those and the explicit hash key (or "-") of each record in it, and an empty line.
//
//     java -cp JARS Deaggregate.java <aggregates >records
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.util.Base64;
import java.util.List;
import software.amazon.kinesis.retrieval.AggregatorUtil;
import software.amazon.kinesis.retrieval.KinesisClientRecord;

public class Deaggregate {
    private static String encode(String text) throws Exception {
        return text == null ? "-" : Base64.getEncoder().encodeToString(text.getBytes("UTF-8"));
    }

    public static void main(String[] args) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = in.readLine()) != null; System.out.println()) {
            String[] fields = line.split(" ");
            KinesisClientRecord sent = KinesisClientRecord.builder().sequenceNumber("1")
                .data(ByteBuffer.wrap(Base64.getDecoder().decode(fields[0])))
                .partitionKey(new String(Base64.getDecoder().decode(fields[1]), "UTF-8")).build();
            for (KinesisClientRecord user : new AggregatorUtil().deaggregate(List.of(sent))) {
                byte[] data = new byte[user.data().remaining()];
                user.data().get(data);
                System.out.println(Base64.getEncoder().encodeToString(data) + " " + encode(user.partitionKey()) + " "
                    + encode(user.explicitHashKey()));
            }
        }
    }
}
